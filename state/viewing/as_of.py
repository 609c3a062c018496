"""An account as of an earlier moment, from its canonical records: what was open, what had been paid, in which state.

It is what is known now about that moment: a return that became known later but took effect before it counts. Objects
that their source has deleted since are not in the answer. Where an object's earlier states are not known, the answer
names it under `unknown` instead of passing today's state off as that of the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from state.values import NOT_SET, OPEN_ENDED, OPEN_STARTED, instant_ms

Record = Mapping[str, Any]
#: kind -> id -> record, as in the look-up store
Objects = Mapping[str, Mapping[str, Record]]
_OWED = frozenset(("open", "paid"))


class _Then:
    """The records at one moment; collects what is not known."""

    def __init__(self, moment_ms: int) -> None:
        self.moment_ms = moment_ms
        self.unknown: list[str] = []

    def has_come(self, at: str | None) -> bool:
        """Whether an instant or day is not after the moment; unknown ones have."""
        if at is None or at in (NOT_SET, OPEN_STARTED):
            return True
        if at == OPEN_ENDED:
            return False
        at_ms = instant_ms(at if "T" in at else f"{at}T00:00:00Z")
        return at_ms is not None and at_ms <= self.moment_ms

    def state(self, kind: str, record: Record, began: str | None) -> tuple[str | None, int | None] | None:
        """(state, amount) that an object had, None where it was not there yet; `began`: since when it exists, if known."""
        now = record["status"], record.get("total_minor", record.get("amount_minor", record.get("mrr_minor")))
        states = record.get("states") or []
        if not states:
            if not self.has_come(began):
                return None
            self.unknown.append(f"{kind} {record['id']}: no history is kept of it, shown as it is now")
            return now
        held = [step for step in states if self.has_come(step["since"])]
        if held:
            return held[-1]["state"], held[-1]["amount_minor"]
        if began is None or not self.has_come(began):
            return None
        first = states[0]
        self.unknown.append(f"{kind} {record['id']}: known since {first['since']} only, shown as it was then")
        return first["state"], first["amount_minor"]


def as_of(objects: Objects, moment_ms: int) -> dict[str, Any]:
    """The account of these records at a moment, in ms since 1970: objects in the order of their ids, totals per currency."""
    then = _Then(moment_ms)
    payments = [found for one in _sorted(objects, "payment") if (found := _payment(then, one)) is not None]
    credited = [one for one in _sorted(objects, "credit") if _ours(one) and then.has_come(one["created_at"])]
    refunds = [one for one in _sorted(objects, "refund") if then.has_come(one["refunded_at"])]
    invoices = [
        found
        for one in _sorted(objects, "invoice")
        if _ours(one) and (found := _invoice(then, one, payments, credited)) is not None
    ]
    subscriptions = [
        {"id": one["id"], "status": was[0], "currency": one["currency"], "mrr_minor": was[1]}
        for one in _sorted(objects, "subscription")
        if (was := then.state("subscription", one, one["started_on"])) is not None
    ]
    return {
        "totals": _totals(invoices, payments, credited, refunds),
        "invoices": invoices,
        "payments": payments,
        "subscriptions": subscriptions,
        "unknown": then.unknown,
    }


def _sorted(objects: Objects, kind: str) -> Iterable[Record]:
    return [record for _, record in sorted(objects.get(kind, {}).items())]


def _ours(record: Record) -> bool:
    """Whether billing knows the object: what only the ERP has adds nothing."""
    return record["billing"] is not None


def _payment(then: _Then, record: Record) -> dict[str, Any] | None:
    """What a payment was, and how much it had paid."""
    if not _ours(record):
        return None
    if record.get("states") or not record.get("legs"):
        began = record["received_at"] if record["status"] == "succeeded" else None
        found = then.state("payment", record, began)
        if found is None:
            return None
        status, amount = found
        paid = (amount or 0) if status == "succeeded" else 0
    else:  # the source itself keeps legs
        legs = [leg for leg in record["legs"] if then.has_come(leg["effective_at"])]
        if not legs:
            return None
        paid = sum(leg["paid_minor"] for leg in legs)
        status, amount = ("succeeded" if paid else legs[-1]["status"]), record["amount_minor"]
    shown = {"id": record["id"], "invoice": record["invoice"], "status": status, "currency": record["currency"]}
    return {**shown, "amount_minor": amount, "paid_minor": paid, "pays": _pays(then, record, paid)}


def _pays(then: _Then, record: Record, paid: int) -> dict[str, int]:
    """Which invoices it had paid, and how much of each. How it was divided earlier is not kept: as it is now."""
    divided = {one["invoice"]: one["amount_minor"] for one in record.get("allocations") or ()}
    if record["invoice"] is not None and divided.keys() <= {record["invoice"]} and not record.get("unallocated_minor"):
        return {record["invoice"]: paid}
    if paid and paid != sum(divided.values()) + record.get("unallocated_minor", 0):
        then.unknown.append(f"payment {record['id']}: how it was divided among invoices then is not known")
    return divided if paid else {}


def _invoice(
    then: _Then, record: Record, payments: list[dict[str, Any]], credited: list[Record]
) -> dict[str, Any] | None:
    """What an invoice was, and what of it was open."""
    found = then.state("invoice", record, record["issued_on"])
    if found is None:
        return None
    status, total = found
    paid = sum(one["pays"].get(record["id"], 0) for one in payments)
    applied = sum(one["amount_minor"] or 0 for one in credited if one["invoice"] == record["id"])
    owed = (total or 0) if status in _OWED else 0
    return {
        "id": record["id"],
        "status": status,
        "currency": record["currency"],
        "total_minor": total,
        "paid_minor": paid,
        "credited_minor": applied,
        "open_minor": max(0, owed - paid - applied),
    }


def _totals(
    invoices: list[dict[str, Any]], payments: list[dict[str, Any]], credited: list[Record], refunds: list[Record]
) -> dict[str, dict[str, int]]:
    """Per currency, as the account's record has them."""
    out: dict[str, dict[str, int]] = {}

    def add(currency: str | None, name: str, amount: int | None) -> None:
        if currency is None or not amount:
            return
        names = ("billed_minor", "paid_minor", "refunded_minor", "credited_minor", "open_minor")
        out.setdefault(currency, dict.fromkeys(names, 0))[name] += amount

    for one in invoices:
        add(one["currency"], "billed_minor", one["total_minor"] if one["status"] in _OWED else 0)
        add(one["currency"], "open_minor", one["open_minor"])
    for one in payments:
        add(one["currency"], "paid_minor", one["paid_minor"])
    for record in credited:
        add(record["currency"], "credited_minor", record["amount_minor"])
    for record in refunds:
        add(record["currency"], "refunded_minor", record["amount_minor"])
    for sums in out.values():
        sums["balance_minor"] = (
            sums["billed_minor"] - sums["paid_minor"] + sums["refunded_minor"] - sums["credited_minor"]
        )
    return {currency: out[currency] for currency in sorted(out)}
