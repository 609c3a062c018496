"""How the sequencer gets the frames of rows that move: out of the facts topic, where each lies under its old account."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.facts import fact_key, read_fact
from connectors.kafka.stored_rows import StoredRows
from dataflows.settings import Settings
from state.model import Model
from state.resolving.moves import ReadBack, StoredRow
from state.resolving.resolved import Moved
from state.routing import partition_of


def read_back(settings: Settings, model: Model) -> ReadBack:
    """The function that `state/resolving/moves.py` asks; it opens nothing before the first move."""
    stored = StoredRows(settings.kafka, f"{settings.prefix}facts")

    def read(moved: Sequence[Moved]) -> dict[tuple[int, str], StoredRow]:
        wanted: dict[int, dict[bytes, tuple[int, str]]] = {}
        for row in moved:
            partition = partition_of(row.was, settings.partitions)
            wanted.setdefault(partition, {})[fact_key(model.tables[row.table].topic, row.key)] = row.table, row.key
        found: dict[tuple[int, str], StoredRow] = {}
        for (partition, key), value in stored.read({n: list(keys) for n, keys in wanted.items()}).items():
            fact = read_fact(key, value)
            found[wanted[partition][key]] = StoredRow(fact.position, fact.time_ms, fact.link, fact.frame)
        return found

    return read
