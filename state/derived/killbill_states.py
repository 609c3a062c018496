"""What the dated rows of Kill Bill say of the past: the states of subscriptions, invoices and payments.

Dates are those of the billing system's own clock, so a row that was written late still says when it took effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from state.derived.effective import blocks, in_effect
from state.folding.derivation import Moment, Part
from state.folding.life import PAID, Step
from state.values import NOT_SET, instant_from_us, instant_ms

#: changes of a subscription that are looked at, the newest ones; what lies before is forgotten
CHANGES_MAX = 100


class Shown(NamedTuple):
    """What a subscription is at a moment: its state, and the event that says its plan."""

    status: str
    event: Part


def subscription_at(events: Sequence[Part], held: Sequence[Part], moment: Moment) -> Shown:
    """The newest events in effect, and the blocks on it, on its bundle and on its account."""
    past = in_effect(events, moment)
    planned = [event for event in past if event["plan"] is not None]
    event = planned[-1] if planned else min(events, key=lambda one: (one["effective_at"], one.order))
    blocked = blocks(held, moment).values()
    stops = any((b["entitlement"] or b["billing"]) and b["state"] != "cancelled" for b in blocked)
    if not past:
        return Shown("pending", event)
    return Shown("cancelled" if past[-1]["kind"] == "cancel" else "paused" if stops else "active", event)


def subscription_steps(
    events: Sequence[Part], held: Sequence[Part], now_ms: int, monthly: Callable[[Part], int | None]
) -> tuple[Step, ...]:
    """Its states from the first event in effect on, each from the instant at which an event or block took effect."""
    dated: dict[int, list[Part]] = {}
    for row in (*events, *held):
        at_ms = None if row["effective_at"] is None or row["active"] is False else instant_ms(row["effective_at"])
        if at_ms is not None and at_ms <= now_ms:
            dated.setdefault(at_ms, []).append(row)
    steps: list[Step] = []
    for at_ms in sorted(dated)[-CHANGES_MAX:]:
        if not in_effect(events, Moment(at_ms)):
            continue  # a block from before it began
        shown = subscription_at(events, held, Moment(at_ms))
        amount = monthly(shown.event)
        if not steps or steps[-1][:2] != (shown.status, amount):
            at, position = dated[at_ms][0]["effective_at"], max(row.position for row in dated[at_ms])
            steps.append(Step(shown.status, amount, at, position, True))
    return tuple(steps)


def payment_steps(charges: Sequence[tuple[Part, str]]) -> tuple[Step, ...]:
    """The states of a payment out of the legs that ask for money, each with its own; none if one of them has no date."""
    steps: list[Step] = []
    for number, (leg, _) in enumerate(charges, 1):
        if leg["at"] is None:
            return ()
        done = [one["amount"] or 0 for one, state in charges[:number] if state == "done"]
        failed = all(state == "failed" for _, state in charges[:number])
        status = PAID if done else "failed" if failed else "pending"
        amount = sum(done) if done else leg["amount"]
        if not steps or steps[-1][:2] != (status, amount):
            steps.append(Step(status, amount, leg["at"], leg.position, True))
    return tuple(steps)


class Entry(NamedTuple):
    """An item of an invoice, or what was paid of it or given back: when, what it adds to the total, and to the balance."""

    at: str | None
    charged: int
    owed: int
    position: int


def invoice_steps(row: Part, entries: Iterable[Entry]) -> tuple[Step, ...]:
    """The states of an invoice that was committed, out of its items and payments; none if one of them has no date.

    Nothing says when a draft was committed: it counts from its items on. Nor when one became void: the commit does.
    """
    found: dict[int, Entry] = {}
    for one in entries:
        at_ms = None if one.at is None else instant_ms(one.at)
        if at_ms is None:
            return ()
        _, charged, owed, position = found.get(at_ms, Entry(one.at, 0, 0, 0))
        found[at_ms] = Entry(one.at, charged + one.charged, owed + one.owed, max(position, one.position))
    steps: list[Step] = []
    total = balance = 0
    for at_ms in sorted(found):
        at, charged, owed, position = found[at_ms]
        total, balance = total + charged, balance + owed
        status = "open" if balance > 0 else "paid"
        if not steps or steps[-1][:2] != (status, total):
            steps.append(Step(status, total, at or "", position, True))
    if steps and row["status"] == "void":
        steps.append(Step("void", total, instant_from_us(row.time_ms * 1000) or NOT_SET, row.position, False))
    return tuple(steps)
