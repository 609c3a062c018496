"""What goes to another process is packed once, however often the engine asks for its bytes; within a process not at all."""

from __future__ import annotations

import pickle

from dataflows.parcel import Parcel


class Counted:
    """An item that counts how often it is packed."""

    packed = 0

    def __reduce__(self) -> tuple[type[Counted], tuple[()]]:
        type(self).packed += 1
        return Counted, ()


def test_it_is_packed_once_for_the_engine_that_asks_twice() -> None:
    """Both times the same bytes, and the item is in them. Planted: packed whenever it is asked for."""
    parcel = Parcel(Counted())
    assert Counted.packed == 0
    first, second = pickle.dumps(parcel), pickle.dumps(parcel)
    assert (first, Counted.packed) == (second, 1)
    assert isinstance(pickle.loads(first).item, Counted)


def test_it_can_go_on_from_where_it_came_to() -> None:
    """What was unpacked is a parcel again, with an equal item."""
    item = ("A-1", [b"\x00\xff", None], {"billing": 7})
    there = pickle.loads(pickle.dumps(Parcel(item)))
    assert pickle.loads(pickle.dumps(there)).item == there.item == item
