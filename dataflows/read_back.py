"""How the sequencer gets the frames of rows that move: out of the facts topic, where each lies under its old account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.facts import NOTE, fact_key, read_fact, read_note
from connectors.kafka.stored_rows import StoredRows
from dataflows.settings import Settings
from state.folding.notes import OF_ROWS, place_of
from state.model import Model
from state.resolving.moves import ReadBack, StoredRow
from state.resolving.resolved import Moved
from state.routing import partition_of


def read_back(settings: Settings, model: Model) -> ReadBack:
    """The function that `state/resolving/moves.py` asks, for rows and what is noted of them; it opens nothing before the
    first move.
    """
    stored = StoredRows(settings.kafka, f"{settings.prefix}facts")

    def read(moved: Sequence[Moved]) -> dict[tuple[int, str], StoredRow]:
        wanted: dict[int, dict[bytes, tuple[int, str]]] = {}
        for row in moved:
            partition = partition_of(row.was, settings.partitions)
            for key in stored_under(model.tables[row.table].topic, row.key):
                wanted.setdefault(partition, {})[key] = row.table, row.key
        live = stored.read({n: list(keys) for n, keys in wanted.items()})
        return stored_rows((wanted[partition][key], key, value) for (partition, key), value in live.items())

    return read


def stored_under(topic: str, key: str) -> list[bytes]:
    """Record keys of a row and of what is noted of it."""
    place = place_of(topic, key)
    return [fact_key(topic, key), *(fact_key(NOTE + kind, place) for kind in OF_ROWS)]


def stored_rows(records: Iterable[tuple[tuple[int, str], bytes, bytes]]) -> dict[tuple[int, str], StoredRow]:
    """Out of ((table, key of the row), record key, record value): the rows, with the notes of each."""
    rows: dict[tuple[int, str], StoredRow] = {}
    notes: dict[tuple[int, str], dict[str, Any]] = {}
    for row, key, value in records:
        fact = read_fact(key, value)
        if (note := read_note(fact)) is not None:
            notes.setdefault(row, {})[note.kind] = note.body
        else:
            rows[row] = StoredRow(fact.position, fact.time_ms, fact.link, fact.frame)
    return {row: one._replace(notes=notes.get(row, {})) for row, one in rows.items()}
