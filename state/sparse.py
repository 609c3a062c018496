"""Dictionaries that most accounts do not have, or have just like others: kept once for all of them.

Of the thirty dictionaries of an account some eight are in use. The others are one and the same empty one, which refuses to be
written; the first write goes through `own`, which gives the account a dictionary of its own, and `drop` gives it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

#: what a slot holds that was never written; such slots are declared as `Mapping`, so that mypy finds a forgotten writer, too
NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
#: as many small dictionaries are shared at most: a source may send any text
_ALIKE_MAX: Final = 10_000
_alike: Final[dict[tuple[tuple[str, str | None], ...], Mapping[str, str | None]]] = {}


class Sparse:
    """An object whose slots may hold `NOTHING`."""

    __slots__ = ()

    def own(self, slot: str) -> dict[Any, Any]:
        """The dictionary in a slot, to write into."""
        found: dict[Any, Any] = getattr(self, slot)
        if found is NOTHING:
            found = {}
            setattr(self, slot, found)
        return found

    def drop(self, slot: str, key: Any) -> None:
        """Take an entry out of the dictionary in a slot, if it is there."""
        found = getattr(self, slot)
        if key in found:
            del found[key]
            if not found:
                setattr(self, slot, NOTHING)


def alike(of: dict[str, str | None]) -> Mapping[str, str | None]:
    """The same dictionary for all who have the same; nobody can write it."""
    key = tuple(of.items())
    found = _alike.get(key)
    if found is None:
        found = MappingProxyType(of)
        if len(_alike) < _ALIKE_MAX:
            _alike[key] = found
    return found
