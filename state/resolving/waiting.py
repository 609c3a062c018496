"""Rows without an account, under what each of them waits for."""

from __future__ import annotations

from collections.abc import Iterator

from state.model import Place
from state.resolving.resolved import Waiting
from state.row import KEY, TABLE


class WaitingRoom:
    """Rows set aside: each waits for one place (an absent row, an account, or with ways its own place)."""

    def __init__(self) -> None:
        self._rows: dict[Place, dict[tuple[int, str], Waiting]] = {}
        #: what each of them waits for
        self.places: dict[tuple[int, str], Place] = {}

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, place: tuple[int, str]) -> bool:
        return place in self.places

    def rows(self) -> Iterator[Waiting]:
        """All of them."""
        for rows in self._rows.values():
            yield from rows.values()

    def waiting_for(self, missing: Place) -> list[Waiting]:
        """Those that wait for one place."""
        rows = self._rows.get(missing)
        return list(rows.values()) if rows else []

    def enter(self, missing: Place, waiting: Waiting) -> None:
        """Set a row aside."""
        place = (waiting.row[TABLE], waiting.row[KEY])
        self._rows.setdefault(missing, {})[place] = waiting
        self.places[place] = missing

    def leave(self, place: tuple[int, str]) -> Waiting | None:
        """Take a row out; None if it does not wait."""
        missing = self.places.pop(place, None)
        if missing is None:
            return None
        rows = self._rows[missing]
        waiting = rows.pop(place)
        if not rows:
            del self._rows[missing]
        return waiting
