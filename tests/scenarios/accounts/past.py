"""What is remembered of rows, said once more and differently: the states of each, and the milestones that were told of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from state.values import instant_from_us
from tests.scenarios.accounts.lab import RULES
from tests.scenarios.accounts.oracle import Oracle, Row
from tests.scenarios.accounts.world import Op

#: table -> what its states are called
STATES = {"invoices": {"open": "open", "paid": "paid"}, "subscriptions": {"open": "active", "paid": "past_due"}}
State = tuple[str, int, str | None]


class Past:
    """Beside an oracle, which says where rows are.

    A row that has no account is not seen: what is written meanwhile begins anew. One that only moves, even to no account
    and back, keeps everything.
    """

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        #: the states of each row: (state, amount, since)
        self.states: dict[Row, list[State]] = {}
        #: the date of each subscription, since when it is known, and which of its milestones were told
        self._terms: dict[Row, tuple[str, int, set[int]]] = {}
        #: (subscription, date, days before) in any order
        self.told: list[tuple[str, str, int]] = []

    def commit(self, ops: list[Op], time_ms: int) -> None:
        """One transaction, which the oracle does not know yet; it does afterwards."""
        oracle = self._oracle
        before = {row: oracle.account_of(row) for row in oracle.rows}
        oracle.commit(ops)
        for row in dict.fromkeys((op.table, op.key) for op in ops if op.table in STATES):
            if row not in oracle.rows:
                self.states.pop(row, None)
                self._terms.pop(row, None)
            else:
                seen = before.get(row) is not None and oracle.account_of(row) is not None
                self._write(row, seen, time_ms)
        self._tell(time_ms)

    def _write(self, row: Row, seen: bool, time_ms: int) -> None:
        columns = self._oracle.rows[row]
        state = STATES[row[0]][columns["status"] or ""], int(columns["total"] or 0), instant_from_us(time_ms * 1000)
        known = self.states.get(row, []) if seen else []
        self.states[row] = known if known and known[-1][:2] == state[:2] else [*known, state]
        if row[0] == "subscriptions":
            value = columns["renews_on"] or ""
            if not seen or self._terms[row][0] != value:
                self._terms[row] = value, time_ms, set()

    def _tell(self, clock_ms: int) -> None:
        for row, (value, known_ms, told) in self._terms.items():
            for days, at_ms in _instants(value):
                due = known_ms < at_ms <= clock_ms
                if due and days not in told and self._oracle.account_of(row) is not None:
                    told.add(days)
                    self.told.append((f"R{row[1]}", value, days))


def _instants(value: str) -> Iterable[tuple[int, int]]:
    for days in RULES.renewal_days:
        day = date.fromisoformat(value) - timedelta(days=days)
        yield days, int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
