"""Kill Bill keeps no plan, state, total, balance or account credit: they are made of event lists, blocks and items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from state.derived.effective import blocks, moment_of
from state.derived.killbill_parts import PARTS as PARTS
from state.derived.killbill_payments import PAYMENT, in_flight
from state.derived.killbill_states import Entry, invoice_steps, subscription_at, subscription_steps
from state.folding.derivation import Derivation, Link, Made, Moment, Part, Parts
from state.folding.life import Step
from state.values import instant_ms

_OVERDUE = "overdue-service"


def _account_anchors(part: Part, _parts: Parts) -> Iterable[str | None]:
    return [part["uuid"]] if part.kind == "account_row" else [part["blockable"] if part["kind"] == "account" else None]


def _account(parts: Parts, anchor: str, moment: Moment) -> Iterator[Made]:
    """Name and currency; its standing is that of the newest overdue block."""
    row = parts.one("account_row", uuid=anchor)
    if row is None:
        return
    own = parts.of("block", blockable=anchor)
    overdue = blocks(own, moment_of(own, moment)).get((anchor, _OVERDUE))
    good = overdue is None or overdue["state"] == "clear"
    fields = {name: row[name] for name in ("currency", "name", "created_at")}
    yield Made("account", anchor, row["external_key"], {**fields, "standing": "good" if good else "delinquent"})


def _subscription_anchors(part: Part, parts: Parts) -> Iterable[str | None]:
    if part.kind == "subscription_row":
        return [part["uuid"]]
    if part.kind in ("subscription_event", "invoice_item"):
        return [part["subscription"]]
    if part.kind == "account_row":
        return []
    if part["kind"] == "subscription":
        return [part["blockable"]]
    if part["kind"] == "bundle":
        return [row["uuid"] for row in parts.of("subscription_row", bundle=part["blockable"])]
    return [row["uuid"] for row in parts.all("subscription_row")]


def _subscription(parts: Parts, anchor: str, moment: Moment) -> Iterator[Made]:
    """Plan and state: the newest events in effect, and the blocks on it, on its bundle and on its account."""
    row = parts.one("subscription_row", uuid=anchor)
    events = parts.of("subscription_event", subscription=anchor)
    if row is None or not events:
        return
    held = parts.of("block", blockable=anchor) + parts.of("block", blockable=row["bundle"])
    held += parts.of("block", kind="account")
    moment = moment_of([row, *events, *held], moment)
    status, shown = subscription_at(events, held, moment)
    over = [b["effective_at"] for b in held if b["state"] == "cancelled" and b["active"] and not _past(b, moment)]
    starts = row["started_at"] or shown["effective_at"]
    steps = subscription_steps(events, held, moment.now_ms, lambda event: _monthly(parts, anchor, event))
    yield Made(
        "subscription",
        anchor,
        anchor,
        {
            "status": status,
            "tier": shown["tier"],
            "plan": shown["plan"],
            "mrr": _monthly(parts, anchor, shown),
            "started_on": starts[:10],
            "paid_until": row["charged_through"],
            "entitled_until": min(over) if over and status == "cancelled" else None,
            "effective_at": _effective(status, steps, shown),
        },
        ("tier",) if shown.unknown("tier") else (),
        own=row,
        steps=steps,
    )


def _effective(status: str, steps: Sequence[Step], shown: Part) -> str | None:
    """Since when it is in its state with its plan: the newer of the two."""
    ran = next((n for n, step in enumerate(reversed(steps)) if step.state != status), len(steps))
    if not ran:
        return None
    at, planned = steps[len(steps) - ran].at, shown["effective_at"]
    return planned if status == "active" and (instant_ms(planned) or 0) > (instant_ms(at) or 0) else at


def _past(block: Part, moment: Moment) -> bool:
    return (instant_ms(block["effective_at"]) or 0) <= moment.now_ms


def _monthly(parts: Parts, anchor: str, shown: Part) -> int | None:
    """The newest price that the plan was billed at, for a month; None if that is no whole number of 10^-9 units."""
    rates = [item["rate"] for item in parts.of("invoice_item", subscription=anchor) if item["plan"] == shown["plan"]]
    billed = [rate for rate in rates if rate is not None]
    if not billed or shown.unknown("months"):
        return None
    month, rest = divmod(billed[-1], int(shown["months"]))
    return month if not rest else None


def _invoice_anchors(part: Part, parts: Parts) -> Iterable[str | None]:
    if part.kind == "invoice_row":
        return [part["uuid"]]
    if part.kind in ("invoice_item", "invoice_payment"):
        return [part["invoice"]]
    booked = parts.of("invoice_payment", payment=part["payment"])
    return [one["invoice"] for one in booked + parts.of("invoice_payment", cookie=part["external_key"])]


def _invoice(parts: Parts, anchor: str, _moment: Moment) -> Iterator[Made]:
    """Total = sum of its items, whenever they were added; paid once succeeded payments less refunds reach it.

    Account credit is the sum of the account_credit items of invoices that are not void: each is a credit of its own, what it
    grants positive, what it uses negative, and part of its invoice's total as well.
    """
    row = parts.one("invoice_row", uuid=anchor)
    if row is None:
        return
    items, booked = parts.of("invoice_item", invoice=anchor), parts.of("invoice_payment", invoice=anchor)
    total = sum(item["amount"] for item in items)
    balance = total - sum(one["amount"] for one in booked if one["status"] == "done")
    committed = "open" if balance > 0 else "paid"
    payments = dict.fromkeys(one["payment"] for one in booked)
    fields = {
        "currency": row["currency"],
        "status": committed if row["status"] == "committed" else row["status"],
        "total": total,
        "issued_on": row["issued_on"],
        "in_flight": any(one["status"] == "open" for one in booked) or any(in_flight(parts, one) for one in payments),
    }
    unmapped = ("status",) if row.unknown("status") or any(one.unknown("status") for one in booked) else ()
    yield Made("invoice", anchor, anchor, fields, unmapped, own=row, steps=_steps(parts, row, items, booked))
    for item in items:
        text = item["description"] or item["kind"]
        line = {"invoice": Link("invoice", anchor), "amount": item["amount"], "description": text}
        yield Made("invoice_line", item["uuid"], item["uuid"], line, (), (item,))
        if item["kind"] == "account_credit" and row["status"] != "void":
            credit = {"currency": row["currency"], "amount": item["amount"], "reason": text}
            credit["created_at"] = item["created_at"]
            yield Made("credit", item["uuid"], item["uuid"], credit, (), (row, item))


def _steps(parts: Parts, row: Part, items: list[Part], booked: list[Part]) -> tuple[Step, ...]:
    """The states of an invoice on the billing system's own clock; those of a draft are only noted."""
    if row["status"] not in ("committed", "void"):
        return ()
    entries = [Entry(item["created_at"], item["amount"], item["amount"], item.position) for item in items]
    for one in booked:
        if one["status"] == "done":
            leg = parts.one("payment_leg", external_key=one["cookie"])
            entries.append(Entry(None if leg is None else leg["at"], 0, -one["amount"], one.position))
    return invoice_steps(row, entries)


DERIVATIONS = (
    Derivation("killbill.account", "billing", ("account",), ("account_row", "block"), _account_anchors, _account),
    Derivation(
        "killbill.subscription",
        "billing",
        ("subscription",),
        ("subscription_row", "subscription_event", "block", "invoice_item"),
        _subscription_anchors,
        _subscription,
    ),
    Derivation(
        "killbill.invoice",
        "billing",
        ("invoice", "invoice_line", "credit"),
        ("invoice_row", "invoice_item", "invoice_payment", "payment_leg"),
        _invoice_anchors,
        _invoice,
    ),
    PAYMENT,
)
