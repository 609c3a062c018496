"""Transactions that were applied without some of their rows, and the tables that have to be read again before that is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from state.aside import ExceptionRecord, exception_of
from state.model import TableSpec
from state.row import Notice, Released

#: kind of the notice that an incremental snapshot has read a table to its end
RESCANNED = "RESCANNED"
_MARK = "incomplete:"


class Repairs:
    """What is open, per exception; stored with the progress record, so that a restart knows what it waits for."""

    def __init__(self, tables: Iterable[TableSpec], stored: Mapping[str, int]) -> None:
        """`stored`: what `dump` gave, among others."""
        self._used: dict[str, list[str]] = {}
        for table in tables:
            if table.ignore is None:
                self._used.setdefault(table.source, []).append(table.name)
        self._open: dict[str, dict[str, None]] = {}
        for mark in stored:
            name, found, lacking = mark.partition("#")
            if found and name.startswith(_MARK):
                self._open.setdefault(name, {})[lacking] = None
        self._over: list[ExceptionRecord] = []

    def begin(self, source: str, released: Released) -> ExceptionRecord:
        """A transaction that was applied without some of its rows, or without knowing whether it has all of them."""
        name = f"{_MARK}{source}:{released.position}"
        used = self._used.get(source, [])
        lacking = [table for table in released.lacking if table in used] or list(released.lacking or used)
        self._open[name] = dict.fromkeys(lacking)
        what = (
            f"{released.missing} rows of the transaction of {source} at {released.position} could not be read (they are "
            f"parked) or never came; the rest was applied"
        )
        if not released.has_end:
            what = (
                f"the END of the transaction of {source} after {released.position} could not be read (it is parked); the "
                f"{len(released.rows)} rows that came were applied"
            )
        text = f"{what}. Repair by an incremental snapshot of {', '.join(lacking)}; then this ends by itself"
        return name, exception_of(name, "INCOMPLETE_TRANSACTION", text, released.time_ms, source)

    def note(self, source: str, notice: Notice) -> None:
        """A table was read again; what waited for it alone is over."""
        if notice.kind != RESCANNED:
            return
        for name, tables in list(self._open.items()):
            if name.startswith(f"{_MARK}{source}:") and notice.table in tables:
                del tables[notice.table]
                if not tables:
                    del self._open[name]
                    self._over.append((name, None))

    def take(self) -> list[ExceptionRecord]:
        """Exceptions that are over since the last call."""
        over, self._over = self._over, []
        return over

    def dump(self) -> dict[str, int]:
        """What is open, as it is stored."""
        return {f"{name}#{table}": 1 for name, tables in self._open.items() for table in tables}
