"""Transactions of one source that are too large to be held in memory: from so many rows on these are kept elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from state.overflow import InMemory, OpenOverflow, Overflow
from state.row import OFFSET, PARTITION, TABLE, TXID, Row


class LargeRows:
    """The rows of one transaction that are kept elsewhere, and what alignment has to know of them.

    `slots`: slot -> [rows, offset of the last one]. `firsts`: the first row of each slot. `tables`: rows of each table.
    `short`: once the transaction can be released, the rows of each table that will never come.
    """

    def __init__(self, overflow: Overflow, base: Sequence[int]) -> None:
        self.overflow = overflow
        self._base = base
        self.slots: dict[int, list[int]] = {}
        self.firsts: dict[int, Row] = {}
        self.tables: Counter[int] = Counter()
        self.short: Mapping[str, int] | None = None

    def __len__(self) -> int:
        return self.tables.total()

    def add(self, rows: list[Row]) -> Counter[int]:
        """Keep rows; returns how many of each slot were repeats."""
        base, repeats = self._base, Counter[int]()
        new = self.overflow.add(rows)
        if len(new) < len(rows):
            repeats = Counter(base[row[TABLE]] | row[PARTITION] for row in rows)
            repeats.subtract(base[row[TABLE]] | row[PARTITION] for row in new)
        for row in new:
            slot = base[row[TABLE]] | row[PARTITION]
            known = self.slots.get(slot)
            if known is None:
                self.slots[slot] = [1, row[OFFSET]]
                self.firsts[slot] = row
            else:
                known[0] += 1
                known[1] = max(known[1], row[OFFSET])
            self.tables[row[TABLE]] += 1
        return +repeats


class Large:
    """`of`: the transactions of which rows are kept elsewhere, by id."""

    def __init__(
        self, base: Sequence[int], rows_max: int = sys.maxsize, open_overflow: OpenOverflow = InMemory
    ) -> None:
        """A transaction of more than `rows_max` rows is large: its rows are kept where `open_overflow` says."""
        self._rows_max = rows_max
        self._open = open_overflow
        self._base = base
        self.of: dict[int, LargeRows] = {}

    def relieve(self, held: int, pending: Mapping[int, list[Row]], fresh: Iterable[Row]) -> Counter[int]:
        """Take rows out of `pending` if it holds many, of `held` rows in all; returns how many of each slot were repeats.

        Only transactions that have got `fresh` rows are looked at. The first row of each stays: it tells its place.
        """
        repeats: Counter[int] = Counter()
        if held - sum(map(len, self.of.values())) > self._rows_max:
            for txid in {row[TXID] for row in fresh}:
                rows = pending.get(txid, [])
                if len(rows) > self._rows_max:
                    repeats += self.keep(txid, rows, 1)
        return repeats

    def keep(self, txid: int, rows: list[Row], stay: int = 0) -> Counter[int]:
        """Take the rows of one transaction out of memory, but for the first ones; returns how many of each slot were repeats."""
        large = self.of.get(txid)
        if large is None:
            large = self.of[txid] = LargeRows(self._open(), self._base)
        repeats = large.add(rows[stay:])
        del rows[stay:]
        return repeats

    def recall(self, txid: int, rows: list[Row]) -> list[Row]:
        """All rows of a transaction in memory again."""
        large = self.of.pop(txid, None)
        if large is None:
            return rows
        found = [*rows, *large.overflow.rows()]
        large.overflow.close()
        return found

    def firsts(self) -> Mapping[int, Iterable[Row]]:
        """Per transaction the first row of each of its slots."""
        return {txid: large.firsts.values() for txid, large in self.of.items()}
