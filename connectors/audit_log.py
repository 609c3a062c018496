"""The audit topic: its newest entry, with which the chain goes on, and all of it, to be checked."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.contracts import Contracts
from connectors.kafka.restore import read_to_end
from state.correcting.audit import Entry, entry_from

#: offsets at the end of the topic that are looked at first: entries and the markers of their transactions
_TAIL = 1_000


def newest_entry(bootstrap: str, contracts: Contracts) -> Entry | None:
    """The last committed entry, None for a new chain. Looks further back while the end holds none."""
    tail: int | None = _TAIL
    while True:
        newest: Entry | None = None
        for entry in entries(bootstrap, contracts, tail):
            newest = entry
        if newest is not None or tail is None:
            return newest
        tail = None


def entries(bootstrap: str, contracts: Contracts, tail: int | None = None) -> Iterator[Entry]:
    """Every entry, oldest first; `tail`: only those among the last so many offsets."""
    for batch in read_to_end(bootstrap, contracts.topic("audit"), [0], tail):
        for message in batch:
            value = message.value()
            if value is not None:
                yield entry_from(contracts.read(value))
