"""What must be remembered over a restart and no row says: the states that a row was in, the milestones that were told.

A note is stored among the facts, in the partition of its account, and committed with the cut that it belongs to.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

#: kinds of notes
TRAIL: Final = "trail"
TOLD: Final = "told"
#: recurring revenue that was told last, where the rows say something else that cannot be told yet; body: minor by currency
REVENUE: Final = "revenue"
#: since when the tier is held, where the rows do not say it; body: `held`, and `begun` of its subscriptions
TENURE: Final = "tenure"
#: of an account that was merged into another one; body: `into` that one, `direct` the one that its own mark names
MERGED: Final = "merged"


#: kinds that belong to one row, and go with it to another account
OF_ROWS: Final = (TRAIL, TOLD)


class Note(NamedTuple):
    """`place` tells it from others of its kind: topic and key of a row. `body` is plain JSON data, None to forget it."""

    account: str
    kind: str
    place: str
    body: Any


def place_of(topic: str, key: str) -> str:
    """The place of a note about a row."""
    return f"{topic} {key}"


def row_of(place: str) -> tuple[str, str]:
    """Topic and key of the row that a note is about."""
    topic, _, key = place.partition(" ")
    return topic, key
