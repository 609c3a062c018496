"""What the ERP must show of billing's invoices and credits, and what it shows."""

from __future__ import annotations

from collections import Counter
from json.encoder import encode_basestring_ascii as quoted

from state.comparing.bookings import ERP_STATE, booked_note
from state.comparing.compared import Difference, Values
from state.derived.tryton import DEFERRAL
from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.billing import OWED
from state.folding.tally import Item
from state.model import Model, TableSpec
from state.roles import FIRST, ROLES, Ref
from state.values import major_text

#: description, minor units, and the period of service: days, empty without one
Line = tuple[str, int, str, str]
_DESCRIPTION = ROLES["billing", "invoice_line"].index("description")
_STATUS = ROLES["billing", "invoice"].index("status")
#: a payment is between its transactions
_IN_FLIGHT = ROLES["billing", "invoice"].index("in_flight")
_AMOUNT = ROLES["billing", "invoice_line"].index("amount")
assert ROLES["erp", "invoice_line"].index("description") == _DESCRIPTION
#: places of a line's period
Places = tuple[int, int]
_OURS, _THEIRS = (
    (ROLES[system, "invoice_line"].index("period_from"), ROLES[system, "invoice_line"].index("period_until"))
    for system in ("billing", "erp")
)
_NO_PERIOD = ("", "")


class Ledger:
    """Compares the ERP's documents."""

    def __init__(self, model: Model) -> None:
        self._units = Units(model.folded)
        self._exponents = model.exponents
        #: whether both sides say what period of service a line is for
        self._periods = all(
            any(_has_periods(table, system, places) for table in model.folded)
            for system, places in (("billing", _OURS), ("erp", _THEIRS))
        )

    @staticmethod
    def _lines_of(account: Account, ref: Ref) -> list[Ref]:
        tally = account.tallies.get(ref)
        if tally is None or not tally.lines:
            return []
        if len(tally.lines) == 1:
            return list(tally.lines)
        return sorted(tally.lines, key=lambda line: (len(line[1]), line[1]))

    def _lines(self, account: Account, ref: Ref, currency: str, places: Places) -> list[Line] | None:
        """An invoice's lines in row order; None if an amount is unknown."""
        out: list[Line] = []
        for line in self._lines_of(account, ref):
            fact = account.rows[line]
            amount = self._units.amount(account, line, fact[_AMOUNT], currency)
            if amount is None:
                return None
            period = (fact[places[0]] or "", fact[places[1]] or "") if self._periods else _NO_PERIOD
            out.append((fact[_DESCRIPTION] or "", amount, *period))
        return out

    @staticmethod
    def _currency(account: Account, ref: Ref, system: str) -> str:
        """Currency of a row with amounts: its own, else the one of the account's row in that system."""
        return account.rows[ref][FIRST] or account.currency.get(system) or ""

    def _text(self, minor: int, currency: str) -> str:
        return major_text(minor, self._exponents[currency])

    def _lines_text(self, lines: list[Line], currency: str) -> str:
        exponent = self._exponents[currency]
        items = [
            f'{{"description": {quoted(text)}, "amount": "{major_text(n, exponent)}"'
            + "".join(f', "{name}": "{day}"' for name, day in (("period_from", begin), ("period_until", end)) if day)
            + "}"
            for text, n, begin, end in lines
        ]
        return f"[{', '.join(items)}]"

    def invoice(self, account: Account, item: Item, ref: Ref, tolerance: int) -> Difference | None:
        """State, total and lines of an invoice; a draft needs no booking."""
        fact = account.rows[ref]
        currency = self._currency(account, ref, "billing")
        total = self._units.amount(account, ref, fact[FIRST + 2], currency)
        state = None if fact[_IN_FLIGHT] else ERP_STATE.get(fact[FIRST + 1])
        if state is None or total is None or currency not in self._exponents:
            return None
        lines = self._lines(account, ref, currency, _OURS)
        if lines is None:
            return None
        desired = {"reference": item.id, "customer": account.id, "currency": currency, "state": state}
        if item.erp is None:
            desired |= {"total": self._text(total, currency), "lines": self._lines_text(lines, currency)}
            return Difference(desired, None, None, total, currency)
        theirs = account.rows[item.erp]
        booked = self._units.amount(account, item.erp, theirs[FIRST + 2], currency)
        their_lines = self._lines(account, item.erp, currency, _THEIRS)
        if booked is None or their_lines is None:
            return None
        gap = abs(total - booked)
        same = gap <= tolerance and (gap > 0 or lines == their_lines or _sums(lines) == _sums(their_lines))
        if theirs[FIRST + 1] == state and (same or (state == "cancelled" and booked == 0)):
            return None
        desired |= {"total": self._text(total, currency), "lines": self._lines_text(lines, currency)}
        return Difference(desired, self.shown_invoice(account, item.erp, item.id), item.erp[1], gap or total, currency)

    def schedule(self, account: Account, item: Item, ref: Ref, tolerance: int) -> Difference | None:
        """The periods of service of an invoice that is booked as it must be, line by line: of those for which billing has one."""
        if not self._periods or item.erp is None or account.rows[ref][_STATUS] not in OWED:
            return None
        if self.invoice(account, item, ref, tolerance) is not None:
            return None  # that is told first, and its lines bring their periods
        currency = self._currency(account, ref, "billing")
        lines = self._lines(account, ref, currency, _OURS)
        booked = Counter(self._lines(account, item.erp, currency, _THEIRS) or ())
        wrong = Counter(line for line in lines or () if line[2] or line[3]) - booked
        if lines is None or not wrong:
            return None
        desired = {"reference": item.id, "lines": self._lines_text(lines, currency)}
        risk = sum(abs(amount) for _, amount, _, _ in wrong.elements())
        return Difference(desired, self.shown_schedule(account, item.erp, item.id), item.erp[1], risk, currency)

    def shown_schedule(self, account: Account, ref: Ref, reference: str) -> Values:
        """The lines of the ERP's invoice."""
        shown = self.shown_invoice(account, ref, reference)
        return {name: shown[name] for name in ("reference", "lines")}

    def shown_invoice(self, account: Account, ref: Ref, reference: str) -> Values:
        """The ERP's invoice as it is."""
        fact = account.rows[ref]
        currency = self._currency(account, ref, "erp")
        total = self._units.amount(account, ref, fact[FIRST + 2], currency)
        lines = self._lines(account, ref, currency, _THEIRS)
        known = currency in self._exponents and total is not None and lines is not None
        return {
            "reference": reference,
            "customer": account.id,
            "currency": currency,
            "state": fact[FIRST + 1] or "",
            "total": self._text(total, currency) if known and total is not None else "",
            "lines": self._lines_text(lines, currency) if known and lines is not None else "[]",
        }

    def credit(self, account: Account, item: Item, ref: Ref, tolerance: int) -> Difference | None:
        """A credit note for every credit."""
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
        return Difference(desired, self.shown_credit(account, note, item.id), note[1], amount, currency)

    def shown_credit(self, account: Account, ref: Ref, reference: str) -> Values:
        """The ERP's credit note as it is."""
        fact = account.rows[ref]
        currency = self._currency(account, ref, "erp")
        amount = self._units.amount(account, ref, fact[FIRST + 1], currency)
        known = amount is not None and currency in self._exponents
        text = self._text(amount, currency) if known and amount is not None else ""
        return {"reference": reference, "customer": account.id, "currency": currency, "amount": text}


def _has_periods(table: TableSpec, system: str, places: Places) -> bool:
    """Whether a table says periods: by fields of its lines, or as the rows that the lines of a derived invoice take them from."""
    spec = table.object
    if spec is not None and (spec.role.system, spec.role.object) == (system, DEFERRAL):
        return True
    if spec is None or (spec.role.system, spec.role.object) != (system, "invoice_line"):
        return False
    return any(spec.fields[place - FIRST] is not None for place in places)


def _sums(lines: list[Line]) -> list[tuple[str, int]]:
    """What is booked, whatever the order; its periods are compared by themselves."""
    return sorted(line[:2] for line in lines)
