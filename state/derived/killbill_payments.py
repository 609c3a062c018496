"""Kill Bill payments: one business act is up to six transactions, so what counts is when every leg of it is done.

A payment has legs (payment_transactions), and each leg that moves money of an invoice is booked there
(invoice_payments) by a transaction of its own, found by the cookie that is the leg's external key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from state.derived.killbill_states import payment_steps
from state.folding.derivation import Derivation, Link, Made, Moment, Part, Parts
from state.folding.life import Leg
from state.values import NOT_SET

_GIVES_BACK = ("refund", "chargeback")
#: status of a booking -> of the allocation
_BOOKED = {"done": "applied", "open": "pending", "failed": "failed"}


def _anchors(part: Part, parts: Parts) -> Iterable[str | None]:
    if part.kind == "payment_row":
        return [part["uuid"]]
    if part.kind == "payment_leg":
        return [part["payment"]]
    return [part["payment"], *(leg["payment"] for leg in parts.of("payment_leg", external_key=part["cookie"]))]


def bookings(parts: Parts, legs: Iterable[Part]) -> list[Part]:
    """Where the legs of a payment are booked."""
    return [one for leg in legs for one in parts.of("invoice_payment", cookie=leg["external_key"])]


def leg_state(parts: Parts, leg: Part, invoiced: bool) -> str:
    """open, done or failed: a leg that moves money of an invoice is done once its booking is."""
    if leg["status"] != "done":
        return "failed" if leg["status"] == "failed" else "open"
    booked = [one["status"] for one in parts.of("invoice_payment", cookie=leg["external_key"])]
    if not booked:
        return "open" if invoiced and leg["kind"] in _GIVES_BACK else "done"
    return "done" if "done" in booked else "open" if "open" in booked else "failed"


def in_flight(parts: Parts, payment: str | None) -> bool:
    """Whether a leg of the payment is neither done nor failed."""
    legs = parts.of("payment_leg", payment=payment)
    invoiced = bool(bookings(parts, legs))
    return any(leg_state(parts, leg, invoiced) == "open" for leg in legs)


def _leg(leg: Part, state: str) -> Leg:
    """A leg as the record shows it; refunds and charge-backs are refunds of their own and take nothing off what is paid."""
    charge = leg["kind"] == "charge"
    kind = "capture" if charge else leg["kind"] or "unknown"
    paid = leg["amount"] or 0 if charge and state == "done" else 0
    return Leg(kind, "pending" if state == "open" else state, leg["amount"], paid, leg["at"] or NOT_SET)


def _make(parts: Parts, anchor: str, _moment: Moment) -> Iterator[Made]:
    row = parts.one("payment_row", uuid=anchor)
    if row is None:
        return
    legs = parts.of("payment_leg", payment=anchor)
    booked = bookings(parts, legs)
    states = [(leg, leg_state(parts, leg, bool(booked))) for leg in legs]
    charges = [(leg, state) for leg, state in states if leg["kind"] == "charge"]
    done = [leg for leg, state in charges if state == "done"]
    shown = done or [leg for leg, state in charges if state == "open"] or [leg for leg, _ in charges][-1:]
    if not shown:
        return  # authorised, no money asked for yet
    invoices = [one["invoice"] for one in booked if one["kind"] == "attempt"]
    status = "succeeded" if done else "failed" if all(state == "failed" for _, state in charges) else "pending"
    yield Made(
        "payment",
        anchor,
        anchor,
        {
            "currency": shown[0]["currency"],
            "invoice": Link("invoice", invoices[0]) if invoices else None,
            "amount": sum(leg["amount"] or 0 for leg in shown),
            "status": status,
            "received_at": shown[-1]["at"],
            "in_flight": any(state == "open" for _, state in states),
            "legs": tuple(_leg(leg, state) for leg, state in states),
        },
        tuple(name for name in ("status",) if any(leg.unknown("status") or leg.unknown("kind") for leg in legs)),
        own=row,
        steps=payment_steps(charges),
    )
    yield from _allocations(anchor, booked)
    for leg, state in states:
        if leg["kind"] in _GIVES_BACK and state == "done":
            given_back = [one["invoice"] for one in parts.of("invoice_payment", cookie=leg["external_key"])]
            fields = {
                "currency": leg["currency"],
                "payment": Link("payment", anchor),
                "amount": leg["amount"],
                "reason": leg["kind"],
                "refunded_at": leg["at"],
                "invoice": Link("invoice", given_back[0]) if given_back else None,
            }
            yield Made("refund", leg["uuid"], leg["uuid"], fields)


def _allocations(payment: str, booked: Iterable[Part]) -> Iterator[Made]:
    """What of the payment is for which invoice: its attempts that are booked there. What is given back is a refund."""
    for one in booked:
        if one["kind"] == "attempt":
            fields = {
                "payment": Link("payment", payment),
                "invoice": Link("invoice", one["invoice"]),
                "amount": one["amount"],
                "status": _BOOKED.get(one["status"], one["status"]),
            }
            unmapped = ("status",) if one.unknown("status") else ()
            yield Made("allocation", one.ref[1], f"{payment}/{one.ref[1]}", fields, unmapped, (one,))


PAYMENT = Derivation(
    "killbill.payment",
    "billing",
    ("payment", "allocation", "refund"),
    ("payment_row", "payment_leg", "invoice_payment"),
    _anchors,
    _make,
)
