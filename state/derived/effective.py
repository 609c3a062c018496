"""Lists of dated rows: which of them counts at a moment, and when that changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from state.folding.derivation import Moment, Part
from state.values import instant_ms


def moment_of(rows: Iterable[Part], moment: Moment) -> Moment:
    """The moment that rows are judged at: the clock, or the newest commit among them where the clock lags behind it."""
    moment.now_ms = max([moment.now_ms, *(row.time_ms for row in rows)])
    return moment


def in_effect(rows: Sequence[Part], moment: Moment) -> list[Part]:
    """Active rows whose `effective_at` is not after the moment, oldest first; of one instant the row written later wins.

    A row that takes effect later wakes the account then.
    """
    found: list[tuple[int, tuple[int, str], Part]] = []
    for row in rows:
        at_ms = instant_ms(row["effective_at"]) if row["effective_at"] is not None else None
        if at_ms is None or row["active"] is False:
            continue
        if at_ms > moment.now_ms:
            moment.wait(at_ms)
        else:
            found.append((at_ms, row.order, row))
    return [row for _, _, row in sorted(found, key=lambda one: one[:2])]


def blocks(rows: Sequence[Part], moment: Moment) -> dict[tuple[str, str], Part]:
    """The block in effect of each service on each object: the newest one, which may well say that nothing is blocked."""
    return {(row["blockable"], row["service"]): row for row in in_effect(rows, moment)}
