"""The record of an invoice, in the form of `avro/invoice.avsc`."""

from __future__ import annotations

from decimal import Decimal

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.tally import Item, Tally
from state.roles import FIRST, ID, POSITION, ROLES, Ref
from state.values import EXACT, NANO_DIGITS, decimal
from state.viewing.facets import Record, facet, id_of
from state.viewing.flags import flags
from state.viewing.history import states

_IN_FLIGHT, _JURISDICTION, _INCLUSIVE = (
    ROLES["billing", "invoice"].index(name) for name in ("in_flight", "tax_jurisdiction", "tax_inclusive")
)
_AMOUNT, _DESCRIPTION, _LINE_TAX, _LINE_RATE, _LINE_JURISDICTION = (
    ROLES["billing", "invoice_line"].index(name)
    for name in ("amount", "description", "tax", "tax_rate", "tax_jurisdiction")
)
_FROM, _UNTIL, _OF, _PRORATED = (
    ROLES["billing", "invoice_line"].index(name) for name in ("period_from", "period_until", "subscription", "prorated")
)
_NO_TALLY = Tally()
#: shared; nobody changes it
_NO_LINES: list[Record] = []


def invoice(account: Account, item: Item, units: Units) -> Record:
    """One invoice: what billing issued, and what the ERP booked."""
    ref = item.billing
    fact = account.rows[ref] if ref else None
    tally = account.tallies.get(ref, _NO_TALLY) if ref else _NO_TALLY
    currency = (fact[FIRST] if fact else None) or account.currency.get("billing")
    return {
        "id": item.id,
        "account": account.id,
        "status": fact[FIRST + 1] if fact else None,
        "currency": currency,
        "total_minor": units.amount(account, ref, fact[FIRST + 2], currency) if fact and ref else None,
        "line_sum_minor": tally.line_sum,
        "line_count": len(tally.lines),
        "lines": _lines(account, tally, units, currency) if tally.lines else _NO_LINES,
        "net_minor": units.amount(account, ref, fact[FIRST + 5], currency) if fact and ref else None,
        "tax_minor": units.amount(account, ref, fact[FIRST + 6], currency) if fact and ref else None,
        "tax_rate": fact[FIRST + 7] if fact else None,
        "tax_jurisdiction": fact[_JURISDICTION] if fact else None,
        "tax_inclusive": fact[_INCLUSIVE] if fact else None,
        "paid_minor": tally.paid,
        "credited_minor": tally.applied,
        "refunded_minor": tally.refunded,
        "balance_minor": tally.due - tally.applied - tally.paid + tally.refunded if tally.due is not None else 0,
        "in_flight": bool(fact and fact[_IN_FLIGHT]),
        "open_minor": tally.open,
        "issued_on": fact[FIRST + 3] if fact else None,
        "due_on": fact[FIRST + 4] if fact else None,
        "states": states(account, ref, units, currency),
        "billing": facet(ref, fact),
        "erp": _erp_invoice(account, item.erp, units),
        "flags": flags(account, item),
    }


def _lines(account: Account, tally: Tally, units: Units, currency: str | None) -> list[Record]:
    """Billing's lines in the order of their keys, numbers as numbers."""
    refs = sorted(tally.lines, key=lambda ref: (len(ref[1]), ref[1]))
    return [
        {
            "id": fact[ID],
            "description": fact[_DESCRIPTION],
            "amount_minor": units.amount(account, ref, fact[_AMOUNT], currency),
            "tax_minor": units.amount(account, ref, fact[_LINE_TAX], currency),
            "tax_rate": fact[_LINE_RATE],
            "tax_jurisdiction": fact[_LINE_JURISDICTION],
            "period_from": fact[_FROM],
            "period_until": fact[_UNTIL],
            "subscription": id_of(account, fact[_OF]),
            "prorated": fact[_PRORATED],
        }
        for ref, fact in ((ref, account.rows[ref]) for ref in refs)
    ]


def _erp_invoice(account: Account, ref: Ref | None, units: Units) -> Record | None:
    if ref is None:
        return None
    fact = account.rows[ref]
    tally = account.tallies.get(ref, _NO_TALLY)
    currency = fact[FIRST] or account.currency.get("erp")
    return {
        "row": ref[1],
        "position": fact[POSITION],
        "state": fact[FIRST + 1],
        "currency": currency,
        "total_minor": units.amount(account, ref, fact[FIRST + 2], currency),
        "line_sum_minor": tally.line_sum,
        "line_count": len(tally.lines),
        "received_minor": tally.paid,
        "posted_on": fact[FIRST + 3],
        "version": fact[FIRST + 4],
        "rate": fact[FIRST + 5],
        "ledger_currency": fact[FIRST + 6],
        "exchange_gain": _exchange_gain(account, tally, fact[FIRST + 5], currency),
        "states": states(account, ref, units, currency),
    }


def _exchange_gain(account: Account, tally: Tally, rate: str | None, currency: str | None) -> str | None:
    """What the payments were booked at less what they were worth on the day of the invoice, in major units of the ledger."""
    step = account.steps.get(currency) if currency else None
    if rate is None or step is None:
        return None
    worth = EXACT.multiply(Decimal(tally.paid), Decimal(rate))
    gain = EXACT.multiply(EXACT.subtract(tally.booked, worth), Decimal(step))
    return decimal(gain.scaleb(-NANO_DIGITS, EXACT))
