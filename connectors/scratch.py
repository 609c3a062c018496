"""Rows and changes of a large transaction in a scratch file: what `state/overflow.py` asks for, by sqlite.

The file has no name: it is gone with the process, however that ends. Nothing in it is needed again: the offsets of rows
that were not released were never committed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkstemp

from state.overflow import identity_of
from state.row import Change, Row

#: memory that one transaction's file takes for itself, kB; what is written beyond it is on disk
CACHE_KBYTES = 16_384
_SCHEMA = """
CREATE TABLE rows (tbl, op, key, txid, lsn, ord, link, part, place, frame, snapshot, ms, number,
                   PRIMARY KEY (lsn, ord, number)) WITHOUT ROWID;
CREATE UNIQUE INDEX one ON rows (lsn, tbl, key, op);
CREATE TABLE changes (bucket, number, account, tbl, op, key, frame, link, part, place,
                      PRIMARY KEY (bucket, number)) WITHOUT ROWID;
"""
_ROW = "tbl, op, key, txid, lsn, ord, link, part, place, frame, snapshot, ms"
_CHANGE = "account, tbl, op, key, frame, link, part, place"


class ScratchLost(Exception):
    """The scratch file cannot be made, written or read; the flow ends, and nothing of the transaction was committed."""


class ScratchFile:
    """Of one transaction. All that it does may raise ScratchLost."""

    def __init__(self, folder: Path | None = None) -> None:
        """In the folder, or in that for temporary files."""
        self._folder = folder
        self._numbers = count()
        self._has_places = False
        with self._lost():
            number, path = mkstemp(prefix="concord-", suffix=".scratch", dir=folder)
            os.close(number)
            self._file = sqlite3.connect(path, isolation_level=None)
            # nothing is ever rolled back or read by anybody else: no journal, no lock that comes and goes, one transaction
            self._file.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;")
            self._file.execute(f"PRAGMA cache_size=-{CACHE_KBYTES}")
            self._file.execute("BEGIN EXCLUSIVE")
            os.unlink(path)
            for statement in _SCHEMA.split(";"):
                self._file.execute(statement)

    @contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            where = self._folder or "the folder for temporary files (TMPDIR)"
            raise ScratchLost(
                f"a large transaction cannot be kept in {where}: {error}. Nothing of it is visible. Next step: give "
                f"CONCORD_SCRATCH_DIR a folder on a disk with room for the transaction twice, and start the flow again"
            ) from error

    def add(self, rows: list[Row]) -> list[Row]:
        """Keep rows; returns those that are no repeats."""
        numbers = [next(self._numbers) for _ in rows]
        with self._lost():
            before = self._file.total_changes
            places = ", ".join("?" * 13)
            numbered = ((*row, number) for row, number in zip(rows, numbers, strict=True))
            self._file.executemany(f"INSERT OR IGNORE INTO rows VALUES ({places})", numbered)  # noqa: S608 - only marks
            if self._file.total_changes - before == len(rows):
                return rows
            return [row for row, number in zip(rows, numbers, strict=True) if self._number_of(row) == number]

    def _number_of(self, row: Row) -> int | None:
        found = self._file.execute(
            "SELECT number FROM rows WHERE tbl = ? AND key = ? AND op = ? AND lsn = ?", identity_of(row)
        )
        return next((number for (number,) in found), None)

    def rows(self) -> Iterator[Row]:
        """All rows in order."""
        with self._lost():
            yield from self._file.execute(f"SELECT {_ROW} FROM rows ORDER BY lsn, ord, number")  # noqa: S608 - our own names

    def put(self, changes: Iterable[tuple[int, Change]]) -> None:
        """Keep changes, each in its bucket."""
        with self._lost():
            numbered = sorted((bucket, next(self._numbers), *change) for bucket, change in changes)  # bucket by bucket
            self._file.executemany("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", numbered)

    def bucket(self, number: int) -> list[tuple[int, Change]]:
        """The changes of one bucket, each with a number that rises."""
        with self._lost():
            found = self._file.execute(
                f"SELECT number, {_CHANGE} FROM changes WHERE bucket = ? ORDER BY number",  # noqa: S608 - our own names
                (number,),
            )
            return [(place, Change(*change)) for place, *change in found]

    def changes(self, places: Collection[tuple[int, str]]) -> list[Change]:
        """The changes of these rows, in order. Rarely asked for: the way to them is laid at the first time."""
        with self._lost():
            if not self._has_places:
                self._file.execute("CREATE INDEX places ON changes (tbl, key)")
                self._has_places = True
            query = f"SELECT number, {_CHANGE} FROM changes WHERE tbl = ? AND key = ?"  # noqa: S608 - our own names
            found = [one for place in places for one in self._file.execute(query, place)]
        return [Change(*change) for _, *change in sorted(found)]

    def close(self) -> None:
        """The file is gone."""
        self._file.close()
