"""Facets + ownership rules -> differences: where a target does not show what the owner says. Reads, never writes."""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from state.comparing.bookings import ERP_STATE, booked_note
from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.entitlement import Entitled, standing_unmapped
from state.folding.tally import Item
from state.model import Model
from state.roles import FIRST, POSITION, ROLES, Ref
from state.rules import Rule
from state.values import major_text
from state.viewing.flags import flags

Values = dict[str, str]
#: kinds of rows whose faults forbid to derive anything about an object
_BLOCKED_BY = {
    "invoice": frozenset(("invoice", "invoice_line", "account")),
    "credit": frozenset(("credit", "account")),
    "entitlement": frozenset(("subscription", "entitlement", "account")),
    "standing": frozenset(("entitlement", "account")),
}
_DESCRIPTION = ROLES["billing", "invoice_line"].index("description")
#: a payment is between its transactions
_IN_FLIGHT = ROLES["billing", "invoice"].index("in_flight")
_AMOUNT = ROLES["billing", "invoice_line"].index("amount")
assert ROLES["erp", "invoice_line"].index("description") == _DESCRIPTION


class Difference(NamedTuple):
    """What a target must show and what it shows (None: it lacks the object), and the money that depends on it."""

    desired: Values
    current: Values | None
    target_ref: str | None
    risk_minor: int | None
    risk_currency: str | None


class Differences:
    """Compares the objects of an account with what the rules say about them."""

    def __init__(self, model: Model) -> None:
        self._units = Units(model.folded)
        self._exponents = model.exponents
        self._source = [table.source for table in model.folded]
        self._of_system = {source.system: source.name for source in reversed(model.sources)}

    def blocked(self, account: Account) -> frozenset[str]:
        """Kinds of objects of which nothing may be derived now; empty for almost every account."""
        item = account.items.get(("account", account.id))
        if item is None or item.billing is None or item.extra is not None or account.merged_into is not None:
            return frozenset(_BLOCKED_BY)
        if account.stale or account.currency.get("billing") not in self._exponents:
            return frozenset(_BLOCKED_BY)
        if not account.faults:
            return frozenset()
        faulty = {fault.object for fault in account.faults.values()}
        return frozenset(kind for kind, rows in _BLOCKED_BY.items() if rows & faulty)

    def find(self, account: Account, rule: Rule, object_id: str, now: Entitled) -> Difference | None:
        """The difference of one object, None if owner and target agree or nothing may be derived from it."""
        if rule.object == "entitlement":
            return self._entitlement(account, now)
        if rule.object == "standing":
            return self._standing(account, now)
        item = account.items.get((rule.object, object_id))
        if item is None or item.billing is None or flags(account, item):
            return None
        if rule.object == "invoice":
            return self._invoice(account, item, item.billing, rule.tolerance_minor)
        return self._credit(account, item, item.billing, rule.tolerance_minor)

    def shown(self, account: Account, rule: Rule, object_id: str) -> Values | None:
        """What the target shows of an object now, None if it lacks the object."""
        ref = self._target_row(account, rule, object_id)
        if ref is None:
            return None
        if rule.object == "invoice":
            return self._erp_invoice(account, ref, object_id)
        if rule.object == "credit":
            return self._erp_credit(account, ref, object_id)
        return self._organization(account, ref, rule.object)

    def positions(self, account: Account, rule: Rule, object_id: str) -> dict[str, int]:
        """Per source the position of the newest row that contributes; 0 where the target has none."""
        if rule.object == "entitlement":
            items = [item for key, item in account.items.items() if key[0] == "subscription"]
        else:
            key = ("account", account.id) if rule.object == "standing" else (rule.object, object_id)
            items = [account.items[key]] if key in account.items else []
        theirs = self._target_row(account, rule, object_id)
        return {
            self._of_system[rule.owner]: self._newest(account, [i.billing for i in items if i.billing is not None]),
            self._of_system.get(rule.target, rule.target): self._newest(account, [theirs] if theirs else []),
        }

    def _newest(self, account: Account, refs: list[Ref]) -> int:
        """Position of the newest of these rows and of their lines."""
        lines = [line for ref in refs if (tally := account.tallies.get(ref)) for line in tally.lines]
        return max((account.rows[ref][POSITION] for ref in [*refs, *lines]), default=0)

    @staticmethod
    def _target_row(account: Account, rule: Rule, object_id: str) -> Ref | None:
        kind = "entitlement" if rule.object in ("entitlement", "standing") else rule.object
        item = account.items.get((kind, account.id if kind == "entitlement" else object_id))
        if item is None:
            return None
        if kind == "entitlement":
            return item.support
        return booked_note(account, item) if kind == "credit" else item.erp

    @staticmethod
    def _lines_of(account: Account, ref: Ref) -> list[Ref]:
        tally = account.tallies.get(ref)
        if tally is None or not tally.lines:
            return []
        if len(tally.lines) == 1:
            return list(tally.lines)
        return sorted(tally.lines, key=lambda line: (len(line[1]), line[1]))

    def _lines(self, account: Account, ref: Ref, currency: str) -> list[tuple[str, int]] | None:
        """(description, minor units) of an invoice's lines in row order; None if an amount is unknown."""
        out: list[tuple[str, int]] = []
        for line in self._lines_of(account, ref):
            fact = account.rows[line]
            amount = self._units.amount(account, line, fact[_AMOUNT], currency)
            if amount is None:
                return None
            out.append((fact[_DESCRIPTION] or "", amount))
        return out

    @staticmethod
    def _currency(account: Account, ref: Ref, system: str) -> str:
        """Currency of a row with amounts: its own, else the one of the account's row in that system."""
        return account.rows[ref][FIRST] or account.currency.get(system) or ""

    def _text(self, minor: int, currency: str) -> str:
        return major_text(minor, self._exponents[currency])

    def _lines_text(self, lines: list[tuple[str, int]], currency: str) -> str:
        exponent = self._exponents[currency]
        items = [f'{{"description": {quoted(text)}, "amount": "{major_text(n, exponent)}"}}' for text, n in lines]
        return f"[{', '.join(items)}]"

    def _invoice(self, account: Account, item: Item, ref: Ref, tolerance: int) -> Difference | None:
        fact = account.rows[ref]
        currency = self._currency(account, ref, "billing")
        total = self._units.amount(account, ref, fact[FIRST + 2], currency)
        state = None if fact[_IN_FLIGHT] else ERP_STATE.get(fact[FIRST + 1])
        if state is None or total is None or currency not in self._exponents:
            return None
        lines = self._lines(account, ref, currency)
        if lines is None:
            return None
        desired = {"reference": item.id, "customer": account.id, "currency": currency, "state": state}
        if item.erp is None:
            desired |= {"total": self._text(total, currency), "lines": self._lines_text(lines, currency)}
            return Difference(desired, None, None, total, currency)
        theirs = account.rows[item.erp]
        booked = self._units.amount(account, item.erp, theirs[FIRST + 2], currency)
        their_lines = self._lines(account, item.erp, currency)
        if booked is None or their_lines is None:
            return None
        gap = abs(total - booked)
        same = gap <= tolerance and (gap > 0 or lines == their_lines or sorted(lines) == sorted(their_lines))
        if theirs[FIRST + 1] == state and (same or (state == "cancelled" and booked == 0)):
            return None
        desired |= {"total": self._text(total, currency), "lines": self._lines_text(lines, currency)}
        return Difference(desired, self._erp_invoice(account, item.erp, item.id), item.erp[1], gap or total, currency)

    def _erp_invoice(self, account: Account, ref: Ref, reference: str) -> Values:
        fact = account.rows[ref]
        currency = self._currency(account, ref, "erp")
        total = self._units.amount(account, ref, fact[FIRST + 2], currency)
        lines = self._lines(account, ref, currency)
        known = currency in self._exponents and total is not None and lines is not None
        return {
            "reference": reference,
            "customer": account.id,
            "currency": currency,
            "state": fact[FIRST + 1] or "",
            "total": self._text(total, currency) if known and total is not None else "",
            "lines": self._lines_text(lines, currency) if known and lines is not None else "[]",
        }

    def _credit(self, account: Account, item: Item, ref: Ref, tolerance: int) -> Difference | None:
        fact = account.rows[ref]
        currency = self._currency(account, ref, "billing")
        amount = self._units.amount(account, ref, fact[FIRST + 1], currency)
        if amount is None or amount < 0 or currency not in self._exponents:
            return None  # a movement that uses up credit is booked with the invoice that it pays
        note = booked_note(account, item)
        if note is not None:
            booked = self._units.amount(account, note, account.rows[note][FIRST + 1], currency)
            if booked is None or abs(booked - amount) <= tolerance:
                return None
        desired = {"reference": item.id, "customer": account.id, "currency": currency}
        desired["amount"] = self._text(amount, currency)
        if note is None:
            return Difference(desired, None, None, amount, currency)
        return Difference(desired, self._erp_credit(account, note, item.id), note[1], amount, currency)

    def _erp_credit(self, account: Account, ref: Ref, reference: str) -> Values:
        fact = account.rows[ref]
        currency = self._currency(account, ref, "erp")
        amount = self._units.amount(account, ref, fact[FIRST + 1], currency)
        known = amount is not None and currency in self._exponents
        text = self._text(amount, currency) if known and amount is not None else ""
        return {"reference": reference, "customer": account.id, "currency": currency, "amount": text}

    def _entitlement(self, account: Account, now: Entitled) -> Difference | None:
        item = account.items.get(("entitlement", account.id))
        ref = item.support if item else None
        if now.tier is None or (item and flags(account, item)):
            return None
        if (account.rows[ref][FIRST] if ref else now.floor) == now.tier:
            return None
        currency = account.currency["billing"]
        total = account.totals.get(currency) if currency else None
        current = self._organization(account, ref, "entitlement") if ref else None
        risk = total.mrr if total else 0
        return Difference({"service_level": now.tier}, current, ref[1] if ref else None, risk, currency)

    def _standing(self, account: Account, now: Entitled) -> Difference | None:
        item = account.items.get(("entitlement", account.id))
        ref = item.support if item else None
        if now.standing is None or standing_unmapped(account) or (item and item.extra is not None):
            return None
        delinquent = now.standing == "delinquent"
        if (account.rows[ref][FIRST + 1] if ref else False) == delinquent:
            return None
        currency = account.currency["billing"]
        total = account.totals.get(currency) if currency else None
        current = self._organization(account, ref, "standing") if ref else None
        desired = {"delinquent": "true" if delinquent else "false"}
        return Difference(desired, current, ref[1] if ref else None, total.balance if total else 0, currency)

    @staticmethod
    def _organization(account: Account, ref: Ref, kind: str) -> Values:
        fact = account.rows[ref]
        if kind == "entitlement":
            return {"service_level": fact[FIRST] or ""}
        return {"delinquent": {True: "true", False: "false"}.get(fact[FIRST + 1], "")}
