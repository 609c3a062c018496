"""Where a captured row lies, as one number: slot = base of its topic | partition.

Nearly every table has a topic of its own. Tables that share one share its slots, since what is held, passed and committed
is a matter of the partition, whichever table a row of it belongs to. The base is made of the first of the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from state.model import TableSpec
from state.row import PARTITION_BITS


def bases(tables: Sequence[TableSpec]) -> list[int]:
    """The base of each table, by its number."""
    first: dict[str, int] = {}
    return [first.setdefault(table.input_topic, table.index) << PARTITION_BITS for table in tables]


def separate(tables: Iterable[int]) -> list[int]:
    """The bases of tables that all have a topic of their own, up to the highest number."""
    return [number << PARTITION_BITS for number in range(max(tables, default=-1) + 1)]


def sharing(tables: Sequence[TableSpec]) -> frozenset[int]:
    """Tables whose topic holds several record types: a tombstone there does not say whose row is gone."""
    return frozenset(table.index for table in tables if table.record is not None)
