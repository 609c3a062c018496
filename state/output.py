"""What a shard hands back for one release."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from state.folding.notes import Note
from state.row import Change

Record = dict[str, Any]


class ParkedChange(NamedTuple):
    """A change whose row cannot be used: its transaction's position and source, a stable code and the reason."""

    change: Change
    position: int
    source: str
    code: str
    reason: str


@dataclass(slots=True)
class Output:
    """Everything of one release. A record None is a tombstone.

    `records`: (object, key, account id, record), object being the contract's name in `avro/`; a caller that gave the list
    may make something else of a record as soon as it is told, so nobody changes one after that. `facts_override`: what to
    store in `facts` instead of the captured frame, per (table, key) of this release's changes: the merged image of a row
    with unchanged TOAST values, or a parked row together with what it said last. `own_times`: commit times, ms, of the
    transactions that wrote the rows that came from another account. `notes`: what is stored beside the rows.
    `ended`: tombstones of objects that are to come before the records, since an object may have moved to another account.
    `applied`, `parked` and `ignored` count changes and add up to what the release held.
    """

    records: list[tuple[str, str, str, Any]] = field(default_factory=list)
    intents: list[tuple[str, Record | None]] = field(default_factory=list)
    exceptions: list[tuple[str, Record | None]] = field(default_factory=list)
    parked: list[ParkedChange] = field(default_factory=list)
    facts_override: dict[tuple[int, str], bytes] = field(default_factory=dict)
    own_times: dict[tuple[int, str], int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    ended: list[tuple[str, str, str, Record | None]] = field(default_factory=list)
    applied: int = 0
    ignored: int = 0
