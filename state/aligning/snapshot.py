"""Is a source's first snapshot complete? Its connector announces row counts; rows are counted as they are released."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from state.model import Model
from state.row import KEY, OP, SNAPSHOT, TABLE, Notice, Row


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


class Snapshots:
    """The first snapshots of all sources, by the numbers of these."""

    def __init__(self, model: Model, live: bool, stored: dict[str, int]) -> None:
        """`live`: the view is published, so nothing is awaited; otherwise continue from `stored`."""
        self._names = [table.name for table in model.tables]
        self._of: list[Snapshot] = []
        for source in model.sources:
            own = [table for table in model.tables if table.source == source.name]
            whole = {table.rows_of for table in own}  # a table in partitions is announced as these
            names = (table.name for table in own if not table.ignore and table.index not in whole)
            snapshot = Snapshot(source.name, names, source.snapshot != "none" and not live)
            if source.snapshot != "none" and not live:
                snapshot.restore(stored)
            self._of.append(snapshot)

    def note(self, number: int, notice: Notice) -> None:
        """A notification of a source's connector."""
        self._of[number].note(notice)

    def count(
        self, number: int, rows: Iterable[Row], rows_of: Mapping[int, int], knows: Callable[[int, str], bool]
    ) -> None:
        """Count the snapshot rows among these; `knows(table, key)`: the row is live already. `rows_of`: partitions."""
        new: set[tuple[int, str]] = set()
        for row in rows:
            if row[OP] == "r" and row[SNAPSHOT] != "incremental":
                table, key = row[TABLE], row[KEY]
                if not knows(rows_of.get(table, table), key) and (table, key) not in new:
                    new.add((table, key))
                    self._of[number].count(self._names[table])

    @property
    def complete(self) -> bool:
        """Whether every source's snapshot is."""
        return all(snapshot.complete for snapshot in self._of)

    def dump(self) -> dict[str, int]:
        """All counts as they are stored with the progress record."""
        return {name: count for snapshot in self._of for name, count in snapshot.dump().items()}
