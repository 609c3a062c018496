"""What goes from one worker to another, and is packed once if that is in another process.

The engine pickles an item twice, to learn its length and to send it; of the large ones that is most of what crossing costs.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Parcel(Generic[Item]):
    """Holds an `item`, which must not change any more. A worker of the same process is handed it as it is."""

    __slots__ = ("_packed", "item")

    def __init__(self, item: Item) -> None:
        """Nothing is packed until somebody pickles it."""
        self.item = item
        self._packed: bytes | None = None

    def __reduce__(self) -> tuple[Callable[[bytes], Parcel[Item]], tuple[bytes]]:
        """Its bytes, made when they are first asked for."""
        if self._packed is None:
            self._packed = pickle.dumps(self.item, pickle.HIGHEST_PROTOCOL)
        return _unpack, (self._packed,)


def _unpack(packed: bytes) -> Parcel[Item]:
    return Parcel(pickle.loads(packed))  # noqa: S301 - from a process of the same flow, as all that the engine hands on
