"""Is a source's first snapshot complete? Its connector announces row counts; rows are counted as they are released."""

from __future__ import annotations

from collections.abc import Iterable

from state.row import Notice


class Snapshot:
    """Counts of one source. Nothing is published before every table has as many rows as its scan had."""

    def __init__(self, source: str, tables: Iterable[str], awaited: bool) -> None:
        self._source = source
        self._tables = frozenset(tables)
        self._expected: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._finished = not awaited

    def note(self, notice: Notice) -> None:
        """Take a notification. A scan that starts anew resets what was expected, not what was seen."""
        if notice.kind == "STARTED":
            self._expected.clear()
        elif notice.kind == "TABLE_SCAN_COMPLETED" and notice.table in self._tables:
            self._expected[notice.table] = notice.rows
        elif notice.kind in ("COMPLETED", "SKIPPED"):
            self._finished = True

    def count(self, table: str) -> None:
        """One snapshot row of a key not seen before."""
        self._seen[table] = self._seen.get(table, 0) + 1

    @property
    def complete(self) -> bool:
        """Whether every announced row has been released."""
        return self._finished and all(self._seen.get(t, 0) >= n for t, n in self._expected.items())

    def missing(self) -> dict[str, int]:
        """Rows still to come, per table."""
        short = {t: n - self._seen.get(t, 0) for t, n in self._expected.items()}
        return {t: n for t, n in short.items() if n > 0}

    def dump(self) -> dict[str, int]:
        """The counts as they are stored with the progress record."""
        out = {f"{self._source}.{t}": n for t, n in self._seen.items()}
        out |= {f"{self._source}.{t}#expected": n for t, n in self._expected.items()}
        out[f"{self._source}#finished"] = int(self._finished)
        return out

    def restore(self, stored: dict[str, int]) -> None:
        """Continue from `dump`."""
        self._finished = bool(stored.get(f"{self._source}#finished", self._finished))
        for table in self._tables:
            if (seen := stored.get(f"{self._source}.{table}")) is not None:
                self._seen[table] = seen
            if (expected := stored.get(f"{self._source}.{table}#expected")) is not None:
                self._expected[table] = expected
