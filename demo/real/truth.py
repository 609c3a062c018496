"""What the three databases say, by SQL alone: what still differs, what was booked twice, what customers owe, what was traced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.targets.trace import WORDS
from demo.acts.words import CREDIT_RULE, ENTITLEMENT_RULE, INVOICE_RULE, STANDING_RULE
from demo.money import major
from demo.real.systems import Rows, Systems

Key = tuple[str, str]
INVOICES = (
    "SELECT i.number, a.number, i.status, i.total_minor, i.id FROM invoices i JOIN accounts a ON a.id = i.account_id"
)
CREDITS = "SELECT c.number, a.number, c.amount_minor FROM credits c JOIN accounts a ON a.id = c.account_id"
DOCUMENTS = """
SELECT i.reference, p.code, i.state, i.id FROM account_invoice i JOIN party_party p ON p.id = i.party
WHERE i.type = 'out' AND i.reference LIKE %s ORDER BY i.id
"""
LINES = """
SELECT l.invoice, l.description, round((l.quantity * l.unit_price)::numeric, 2) FROM account_invoice_line l
JOIN account_invoice i ON i.id = l.invoice WHERE i.type = 'out' AND i.reference LIKE %s
"""
OWED = """
SELECT p.code, sum(l.debit - l.credit) FROM account_move_line l JOIN party_party p ON p.id = l.party
WHERE p.code LIKE %s GROUP BY 1
"""
ACCOUNTS = """
SELECT a.number, a.standing = 'delinquent', a.balance_minor, (SELECT max(CASE s.plan_code WHEN 'basic' THEN 1 WHEN 'pro' THEN 2
  WHEN 'enterprise' THEN 3 END) FROM subscriptions s WHERE s.account_id = a.id AND s.status = 'active') FROM accounts a
"""
GROUPS = """
SELECT g.name, f.name, v.content FROM objectcustomfieldvalues v JOIN customfields f ON f.id = v.customfield
JOIN groups g ON g.id = v.objectid WHERE v.objecttype = 'RT::Group' AND v.disabled = 0 AND g.name LIKE %s
"""
NOTES = "SELECT message FROM ir_note WHERE message LIKE %s"
FIELDS = "SELECT content FROM objectcustomfieldvalues WHERE content LIKE %s"
TIERS = {None: "none", 1: "standard", 2: "premium", 3: "enterprise"}
BOOKED = ("posted", "paid")


class Truth(NamedTuple):
    """`differences`: (rule, object id). `doubled`: references with more than one booked document, or with a draft left.

    `owed`: customers whose receivable in Tryton is not billing's balance.
    """

    differences: set[Key]
    doubled: list[str]
    owed: list[str]


def truth(systems: Systems) -> Truth:
    """Compare all three; reads only."""
    books = _Books(systems)
    return Truth(books.differences() | _support(systems), books.doubled(), _owed(systems))


def traced(systems: Systems, corrections: Collection[str]) -> set[str]:
    """Which of these corrections have left their trace in Tryton or Request Tracker."""
    texts = systems.rows("tryton", NOTES, f"{WORDS}%") + systems.rows("request_tracker", FIELDS, f"{WORDS}%")
    left = {str(row[0]).removeprefix(WORDS).strip().partition(";")[0] for row in texts}
    return left & set(corrections)


class _Books:
    """Billing's documents beside Tryton's."""

    def __init__(self, systems: Systems) -> None:
        self._invoices = systems.rows("billing", INVOICES)
        self._credits = systems.rows("billing", CREDITS)
        self._wanted: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
        for invoice, text, amount in systems.rows(
            "billing", "SELECT invoice_id, description, amount_minor FROM invoice_lines"
        ):
            self._wanted[invoice].append((text, major(amount, "USD")))
        of_this_run = f"%-{systems.tag}-%"
        self._lines: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
        for document, text, amount in systems.rows("tryton", LINES, of_this_run):
            self._lines[document].append((text, amount))
        self._documents: dict[str, Rows] = defaultdict(list)
        for reference, *rest in systems.rows("tryton", DOCUMENTS, of_this_run):
            self._documents[reference].append(tuple(rest))

    def differences(self) -> set[Key]:
        """Documents that are not booked as billing has them."""
        found: set[Key] = set()
        for number, code, status, total, identity in self._invoices:
            booked = self._booked(number)
            if status == "void":
                same = not booked
            else:
                wanted = (code, major(total, "USD"), sorted(self._wanted[identity]))
                same = [self._said(one) for one in booked] == [wanted]
            found |= set() if same else {(INVOICE_RULE, number)}
        for number, code, amount in self._credits:
            said = [self._said(one)[:2] for one in self._booked(number)]
            found |= set() if said == [(code, -major(amount, "USD"))] else {(CREDIT_RULE, number)}
        return found

    def doubled(self) -> list[str]:
        """References that somebody has begun or booked more than once."""
        found = []
        for reference, documents in sorted(self._documents.items()):
            states = [state for _, state, _ in documents]
            if sum(state in BOOKED for state in states) > 1 or {"draft", "validated"} & set(states):
                found.append(f"{reference}: {', '.join(states)}")
        return found

    def _booked(self, reference: str) -> Rows:
        return [one for one in self._documents[reference] if one[1] in BOOKED]

    def _said(self, document: tuple[Any, ...]) -> tuple[str, Decimal, list[tuple[str, Decimal]]]:
        code, _, identity = document
        lines = sorted(self._lines[identity])
        return code, sum((amount for _, amount in lines), start=Decimal(0)), lines


def _support(systems: Systems) -> set[Key]:
    shown: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for code, name, content in systems.rows("request_tracker", GROUPS, f"%{systems.tag}-%"):
        shown[code][name].add(content)
    found: set[Key] = set()
    for code, delinquent, _, tier in systems.rows("billing", ACCOUNTS):
        if shown[code]["Org Entitlement"] != {f"support:{TIERS[tier]}"}:
            found.add((ENTITLEMENT_RULE, code))
        if shown[code]["Org Delinquent"] != {"yes" if delinquent else "no"}:
            found.add((STANDING_RULE, code))
    return found


def _owed(systems: Systems) -> list[str]:
    owed: dict[str, Decimal] = dict(systems.rows("tryton", OWED, f"%{systems.tag}-%"))
    found = []
    for code, _, balance, _ in systems.rows("billing", ACCOUNTS):
        wanted, booked = major(balance, "USD"), owed.get(code, Decimal(0))
        if wanted != booked:
            found.append(f"{code} owes {booked} in Tryton and {wanted} in billing")
    return found
