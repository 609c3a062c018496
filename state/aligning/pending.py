"""Rows of one source by transaction, until these are whole; of large transactions they are kept elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from state.aligning.large import Large, LargeRows
from state.overflow import identity_of, in_order
from state.row import LSN, PARTITION, TABLE, TXID, End, Row

#: what is known of a transaction that can be released: its rows in memory, how many will never come, and of which tables
Whole = tuple[list[Row], int, Mapping[str, int]]


class Pending:
    """`rows`: by transaction. `held`: how many of each slot wait, loose rows behind them included. `last`: the newest of each."""

    def __init__(self, tables: Mapping[str, int], base: Sequence[int]) -> None:
        self._tables = tables
        self._base = base
        self.rows: dict[int, list[Row]] = {}
        self.held: dict[int, int] = {}
        self.last: dict[int, Row] = {}
        self.repeats = 0
        self.large = Large(base)

    def relieve(self, fresh: Iterable[Row]) -> None:
        """Keep rows of large transactions elsewhere; `fresh` are those that have just come."""
        self._let_go(self.large.relieve(sum(self.held.values()), self.rows, fresh))

    def ahead(self, next_end: int | None) -> dict[int, int]:
        """Slots of which rows are held while none is lacked, since the last one is of a later transaction; how many of each."""
        return {slot: held for slot, held in self.held.items() if held and self.last[slot][TXID] != next_end}

    def _let_go(self, repeats: Mapping[int, int]) -> None:
        for slot, number in repeats.items():
            self.held[slot] -= number
            self.repeats += number

    def whole(self, end: End, is_over: Callable[[End], bool]) -> Whole | None:
        """The transaction, None while rows of it may come; `is_over` is asked whether they cannot, until it says so."""
        expected, tables = 0, self._tables
        for table, number in end.counts.items():
            if table in tables:
                expected += number
        if not expected:
            return [], 0, {}
        rows = self.rows.get(end.txid, [])
        large = self.large.of.get(end.txid)
        if large is not None:
            return self._large_whole(end, expected, rows, large, is_over)
        if len(rows) > 1:
            rows = self.distinct(end.txid, rows, expected)
        if len(rows) >= expected:
            return rows, 0, {}
        return (rows, expected - len(rows), self.missing(end)) if is_over(end) else None

    def _large_whole(
        self, end: End, expected: int, rows: list[Row], large: LargeRows, is_over: Callable[[End], bool]
    ) -> Whole | None:
        if large.short is None:
            if len(large) + len(rows) >= expected:
                self._let_go(self.large.keep(end.txid, rows))
            if len(large) < expected and not is_over(end):
                return None
            self._let_go(self.large.keep(end.txid, rows))
            large.short = self.missing(end)
        return [], max(expected - len(large), 0), large.short

    def distinct(self, txid: int, found: list[Row], expected: int) -> list[Row]:
        """The transaction's rows in order, without repeats; untouched while there are too few anyway."""
        if len(found) < expected:
            return found
        last = -1
        for row in found:
            if row[LSN] <= last:
                break
            last = row[LSN]
        else:
            return found  # most small transactions: in order, and a repeat would have the place of another row
        if len(set(map(identity_of, found))) == len(found):
            return sorted(found, key=in_order)
        first: dict[tuple[object, ...], Row] = {}
        for row in found:
            if first.setdefault(identity_of(row), row) is not row:
                self.held[self._base[row[TABLE]] | row[PARTITION]] -= 1
                self.repeats += 1
        found = self.rows[txid] = list(first.values())
        return sorted(found, key=in_order)

    def missing(self, end: End) -> dict[str, int]:
        """Rows per table that are still to come."""
        have = Counter(row[TABLE] for row in self.rows.get(end.txid, ()))
        if (large := self.large.of.get(end.txid)) is not None:
            have += large.tables
        short = {t: n - have[self._tables[t]] for t, n in end.counts.items() if t in self._tables}
        return {table: n for table, n in short.items() if n > 0}
