"""What each account must look like at any frontier, from the generator's own truth."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from benchmarks.dataset import TRUTH_FIELDS, Dataset
from benchmarks.tables import BILLING, SUPPORT


class Expected(NamedTuple):
    """An account at one frontier: the billing side, then the support side."""

    reported: int
    paid: int
    payments: int
    invoices: int
    billed: int
    subscriptions: int
    mrr: int
    cases: int
    cases_open: int


#: the billing side alone: the first seven fields of `Expected`
Billing = tuple[int, ...]


class Oracle:
    """History of every account: positions and row numbers of its truth rows, per source."""

    def __init__(self, dataset: Dataset) -> None:
        """Reads the truth of the dataset; about 150 bytes a transaction."""
        self._rows = dataset.truth()
        self._positions: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        self._places: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        for at in range(0, len(self._rows), len(TRUTH_FIELDS)):
            source, position, account = self._rows[at], self._rows[at + 1], self._rows[at + 3]
            self._positions[source].setdefault(account, []).append(position)
            self._places[source].setdefault(account, []).append(at)

    def accounts(self) -> set[int]:
        """Every account that billing ever committed."""
        return set(self._positions[BILLING])

    def history(self, account: int) -> tuple[list[Billing], list[tuple[int, int]]]:
        """Every state that a commit made of the account, in order: the billing side, the support side."""
        rows = self._rows
        billing = self._places[BILLING].get(account, [])
        support = self._places[SUPPORT].get(account, [])
        return [tuple(rows[at + 4 : at + 11]) for at in billing], [(rows[at + 11], rows[at + 12]) for at in support]

    def at(self, account: int, billing: int, support: int) -> Expected | None:
        """The account at a frontier; None if billing had not committed it yet."""
        known = self._row(BILLING, account, billing)
        if known is None:
            return None
        cases = self._row(SUPPORT, account, support)
        rows = self._rows
        found = (0, 0) if cases is None else (rows[cases + 11], rows[cases + 12])
        return Expected._make((*rows[known + 4 : known + 11], *found))

    def _row(self, source: int, account: int, position: int) -> int | None:
        """Where the newest truth of the account at or below the position begins."""
        positions = self._positions[source].get(account)
        if positions is None:
            return None
        index = bisect_right(positions, position)
        return self._places[source][account][index - 1] if index else None
