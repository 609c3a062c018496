"""One record per canonical object, in the form of `avro/<object>.avsc`."""

from __future__ import annotations

from collections.abc import Callable

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.life import PAID
from state.folding.tally import Item, Tally
from state.roles import FIRST, POSITION, ROLES, Ref
from state.viewing.case import case
from state.viewing.facets import Record, facet, id_of
from state.viewing.flags import flags
from state.viewing.history import legs, states
from state.viewing.invoice import invoice
from state.viewing.settling import paid_invoices

_PAYMENT_IN_FLIGHT = ROLES["billing", "payment"].index("in_flight")
_REFUND_INVOICE = ROLES["billing", "refund"].index("invoice")
_NOTE_STATE, _NOTE_INVOICE = (ROLES["erp", "credit"].index(name) for name in ("state", "invoice"))
_NO_TALLY = Tally()


def _subscription(account: Account, item: Item, units: Units) -> Record:
    assert item.billing is not None  # no other system shows subscriptions
    fact = account.rows[item.billing]
    currency = fact[FIRST] or account.currency.get("billing")
    return {
        "id": item.id,
        "account": account.id,
        "status": fact[FIRST + 1],
        "tier": fact[FIRST + 2],
        "plan": fact[FIRST + 3],
        "currency": currency,
        "mrr_minor": units.amount(account, item.billing, fact[FIRST + 4], currency),
        "started_on": fact[FIRST + 5],
        "paid_until": fact[FIRST + 6],
        "valid_from": fact[FIRST + 8],
        "valid_until": fact[FIRST + 9],
        "ends_on": fact[FIRST + 10],
        "renews_on": fact[FIRST + 12],
        "zone": fact[FIRST + 13],
        "billing_days": len(account.tallies.get(item.billing, _NO_TALLY).days),
        "renews": fact[FIRST + 1] in ("trial", "active", "past_due"),
        "states": states(account, item.billing, units, currency),
        "billing": {"row": item.billing[1], "position": fact[POSITION]},
        "flags": flags(account, item),
    }


def _usage(account: Account, item: Item, units: Units) -> Record:
    assert item.billing is not None  # no other system shows usage
    fact = account.rows[item.billing]
    return {
        "id": item.id,
        "account": account.id,
        "subscription": id_of(account, fact[FIRST]),
        "metric": fact[FIRST + 1],
        "quantity": fact[FIRST + 2],
        "used_at": fact[FIRST + 3],
        "day": fact[FIRST + 4],
        "zone": fact[FIRST + 5],
        "billing": {"row": item.billing[1], "position": fact[POSITION]},
        "flags": flags(account, item),
    }


def _payment(account: Account, item: Item, units: Units) -> Record:
    ref = item.billing
    fact = account.rows[ref] if ref else None
    tally = account.tallies.get(ref, _NO_TALLY) if ref else _NO_TALLY
    currency = (fact[FIRST] if fact else None) or account.currency.get("billing")
    split = account.splits.get(ref) if account.splits and ref else None
    paid = id_of(account, fact[FIRST + 1] if split is None else split.only) if fact else None
    amount = units.amount(account, ref, fact[FIRST + 2], currency) if fact and ref else None
    status = fact[FIRST + 3] if fact else None
    pays = amount if status == PAID else None
    if split is not None and split.rows:
        allocations = paid_invoices(account, split)
    else:
        allocations = [{"invoice": paid, "amount_minor": pays}] if pays is not None and paid is not None else []
    return {
        "id": item.id,
        "account": account.id,
        "invoice": paid,
        "status": status,
        "currency": currency,
        "amount_minor": amount,
        "refunded_minor": tally.refunded,
        "method": fact[FIRST + 4] if fact else None,
        "received_at": fact[FIRST + 5] if fact else None,
        "in_flight": bool(fact and fact[_PAYMENT_IN_FLIGHT]) or status == "pending",
        "legs": legs(account, ref, fact, units, currency),
        "allocations": allocations,
        "unallocated_minor": 0 if pays is None else pays - sum(one["amount_minor"] for one in allocations),
        "states": states(account, ref, units, currency),
        "billing": facet(ref, fact),
        "erp": _receipt(account, item.erp, units),
        "flags": flags(account, item),
    }


def _receipt(account: Account, ref: Ref | None, units: Units) -> Record | None:
    if ref is None:
        return None
    fact = account.rows[ref]
    currency = fact[FIRST] or account.currency.get("erp")
    return {
        "row": ref[1],
        "position": fact[POSITION],
        "currency": currency,
        "amount_minor": units.amount(account, ref, fact[FIRST + 2], currency),
        "received_on": fact[FIRST + 3],
    }


def _refund(account: Account, item: Item, units: Units) -> Record:
    assert item.billing is not None  # no other system shows refunds
    fact = account.rows[item.billing]
    currency = fact[FIRST] or account.currency.get("billing")
    payment = account.tallies.get(fact[FIRST + 1], _NO_TALLY)
    return {
        "id": item.id,
        "account": account.id,
        "payment": id_of(account, fact[FIRST + 1]),
        "invoice": id_of(account, fact[_REFUND_INVOICE] or payment.parent),
        "currency": currency,
        "amount_minor": units.amount(account, item.billing, fact[FIRST + 2], currency),
        "reason": fact[FIRST + 3],
        "refunded_at": fact[FIRST + 4],
        "billing": {"row": item.billing[1], "position": fact[POSITION]},
        "flags": flags(account, item),
    }


def _credit(account: Account, item: Item, units: Units) -> Record:
    ref = item.billing
    fact = account.rows[ref] if ref else None
    currency = (fact[FIRST] if fact else None) or account.currency.get("billing")
    return {
        "id": item.id,
        "account": account.id,
        "currency": currency,
        "amount_minor": units.amount(account, ref, fact[FIRST + 1], currency) if fact and ref else None,
        "reason": fact[FIRST + 2] if fact else None,
        "created_at": fact[FIRST + 3] if fact else None,
        "invoice": id_of(account, fact[FIRST + 4]) if fact else None,
        "net_minor": units.amount(account, ref, fact[FIRST + 5], currency) if fact and ref else None,
        "tax_minor": units.amount(account, ref, fact[FIRST + 6], currency) if fact and ref else None,
        "tax_rate": fact[FIRST + 7] if fact else None,
        "billing": facet(ref, fact),
        "erp": _credit_note(account, item.erp, units),
        "flags": flags(account, item),
    }


def _credit_note(account: Account, ref: Ref | None, units: Units) -> Record | None:
    if ref is None:
        return None
    fact = account.rows[ref]
    currency = fact[FIRST] or account.currency.get("erp")
    return {
        "row": ref[1],
        "position": fact[POSITION],
        "currency": currency,
        "amount_minor": units.amount(account, ref, fact[FIRST + 1], currency),
        "posted_on": fact[FIRST + 2],
        "version": fact[FIRST + 3],
        "state": fact[_NOTE_STATE],
        "invoice": id_of(account, fact[_NOTE_INVOICE]),
        "states": states(account, ref, units, currency),
    }


RENDERERS: dict[str, Callable[[Account, Item, Units], Record]] = {
    "subscription": _subscription,
    "usage": _usage,
    "invoice": invoice,
    "payment": _payment,
    "refund": _refund,
    "credit": _credit,
    "case": case,
}
