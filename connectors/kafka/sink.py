"""The writing side of every flow: at the latest with the end of an epoch, all of it is in a Kafka transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition


class CutWriter(Protocol):
    """What a flow does with the items of an epoch."""

    def write(self, items: list[Any]) -> None:
        """Queue the items of the open cut."""

    def commit(self) -> None:
        """An epoch ends: make the cut visible, if there is one."""

    def close(self) -> None:
        """End cleanly."""


class _Partition(StatefulSinkPartition[Any, None]):
    def __init__(self, writer: CutWriter) -> None:
        self._writer = writer

    def write_batch(self, items: list[Any]) -> None:
        self._writer.write(items)

    def snapshot(self) -> None:
        """Called when every item of the epoch is through: the moment to commit."""
        self._writer.commit()

    def close(self) -> None:
        self._writer.close()


class CutSink(FixedPartitionedSink[Any, None]):
    """A single engine partition (key "0"), so that one process writes the whole cut."""

    def __init__(self, open_writer: Callable[[], CutWriter]) -> None:
        self._open = open_writer

    def list_parts(self) -> list[str]:
        """One part."""
        return ["0"]

    def part_fn(self, item_key: str) -> int:
        """Everything goes to it."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Partition:
        """Open the writer: fences older processes and checks the start vector."""
        return _Partition(self._open())
