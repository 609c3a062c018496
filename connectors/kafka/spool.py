"""Records on their way to one transaction, on disk: as many as there are, and nothing is open at the broker meanwhile."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from struct import Struct
from types import TracebackType

from connectors.kafka.transactor import Record

#: number of the topic, partition, length of the key, length of the value or -1 for a tombstone
_HEAD = Struct(">HiIq")


class Spool:
    """Written once, then read in the same order. Use it as a context manager: its file goes with it."""

    def __init__(self) -> None:
        """An empty one, in the folder for temporary files."""
        self._file = tempfile.TemporaryFile(prefix="concord-spool-")  # noqa: SIM115 - closed by __exit__
        self._topics: dict[str, int] = {}
        self._records = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._records

    def write(self, records: Iterable[Record]) -> int:
        """Append; returns how many they were."""
        before = self._records
        for topic, partition, key, value in records:
            number = self._topics.setdefault(topic, len(self._topics))
            self._file.write(_HEAD.pack(number, partition, len(key), -1 if value is None else len(value)))
            self._file.write(key)
            self._file.write(value or b"")
            self._records += 1
        return self._records - before

    def read(self) -> Iterator[Record]:
        """All of them."""
        topics = list(self._topics)
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            number, partition, key, value = _HEAD.unpack(head)
            yield topics[number], partition, self._file.read(key), None if value < 0 else self._file.read(value)
