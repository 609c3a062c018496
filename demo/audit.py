"""Compares the canonical view exactly with SQL over the three databases, and says what still differs between systems.

Independent of the flow: its own SQL (demo/truth*.py), its own units, its own rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from demo.acts.words import CREDIT_RULE, ENTITLEMENT_RULE, INVOICE_RULE, STANDING_RULE
from demo.company import Company
from demo.money import major
from demo.truth import ORGANIZATIONS, Record, Records, Tables, accounts, by, grouped
from demo.truth_money import CREDIT_NOTES, CREDITS, ERP_INVOICES, INVOICES, TRUTH

View = Mapping[str, Mapping[str, Record]]
NOT_IN_SQL = frozenset({"position", "positions", "flags"})


class Wrong(NamedTuple):
    """One field of one record that SQL contradicts; nested fields are joined by dots."""

    object: str
    id: str
    field: str
    expected: Any
    shown: Any


class Audit(NamedTuple):
    """`losses`: in the databases and not in the view; `extras`: the other way round; as (object, id)."""

    compared: int
    fields: int
    losses: tuple[tuple[str, str], ...]
    extras: tuple[tuple[str, str], ...]
    wrong: tuple[Wrong, ...]

    @property
    def exact(self) -> bool:
        """Whether the view equals the databases."""
        return not (self.losses or self.extras or self.wrong)


def audit(company: Company, view: View) -> Audit:
    """Compare the view, {object: {id: record}} without tombstones, with what SQL says now; the company must be quiet."""
    tables = Tables(company)
    compared = fields = 0
    losses: list[tuple[str, str]] = []
    extras: list[tuple[str, str]] = []
    wrong: list[Wrong] = []
    try:
        for kind, truth in TRUTH.items():
            expected, shown = truth(tables), view.get(kind, {})
            compared += len(expected)
            losses += [(kind, identity) for identity in sorted(expected.keys() - shown.keys())]
            extras += [(kind, identity) for identity in sorted(shown.keys() - expected.keys())]
            for identity in expected.keys() & shown.keys():
                count, bad = _differences(_without_zeros(expected[identity]), _without_zeros(shown[identity]), "")
                fields += count
                wrong += [Wrong(kind, identity, *one) for one in bad]
                flags = shown[identity].get("flags", [])
                wrong += [Wrong(kind, identity, "flags", [], flags)] if flags else []
    finally:
        tables.close()
    return Audit(compared, fields, tuple(losses), tuple(extras), tuple(sorted(wrong, key=repr)))


def _without_zeros(record: Record) -> Record:
    """The record without totals in which every sum is 0: whether these are listed is no statement about money."""
    totals = record.get("totals")
    if not isinstance(totals, dict):
        return record
    return record | {"totals": {code: sums for code, sums in totals.items() if any(sums.values())}}


def _differences(expected: Record, shown: Record, path: str) -> tuple[int, list[tuple[str, Any, Any]]]:
    """How many fields were compared, and (field, expected, shown) of those that differ."""
    count = 0
    bad: list[tuple[str, Any, Any]] = []
    for name, value in expected.items():
        here = f"{path}{name}"
        other = shown.get(name, "absent from the record")
        if isinstance(value, dict) and isinstance(other, dict):
            inner, more = _differences(value, other, f"{here}.")
            count += inner
            bad += more
            bad += [
                (f"{here}.{key}", "nothing", other[key])
                for key in other.keys() - value.keys()
                if key not in NOT_IN_SQL and other[key] not in (None, [])  # a field that this company has no column for
            ]
            continue
        count += 1
        if not _same(value, other):
            bad.append((here, value, other))
    return count, bad


def _same(expected: Any, shown: Any) -> bool:
    if isinstance(expected, datetime) and isinstance(shown, str):
        try:
            return datetime.fromisoformat(shown) == expected
        except ValueError:
            return False
    return type(expected) is type(shown) and bool(expected == shown)


def remaining(company: Company) -> set[tuple[str, str]]:
    """(rule, object id) of every difference between billing and its targets that stands now, by SQL."""
    tables = Tables(company)
    try:
        return _invoices(tables) | _credits(tables) | _support(tables)
    finally:
        tables.close()


def _invoices(tables: Tables) -> set[tuple[str, str]]:
    booked = by(tables.rows("erp", ERP_INVOICES), "reference")
    lines = grouped(tables.rows("billing", "SELECT * FROM invoice_lines"), "invoice_id")
    erp_lines = grouped(tables.rows("erp", "SELECT * FROM sales_invoice_lines"), "sales_invoice_id")
    states = {"open": "posted", "paid": "paid", "void": "cancelled"}
    found: set[tuple[str, str]] = set()
    for row in tables.rows("billing", INVOICES):
        state, other = states.get(row["status"]), booked.get(row["number"])
        if state is None or (other is None and state == "cancelled"):
            continue
        currency = row["currency"]
        wanted = sorted((line["description"], major(line["amount_minor"], currency)) for line in lines[row["id"]])
        if other is None:
            found.add((INVOICE_RULE, row["number"]))
            continue
        shown = sorted((line["description"], line["amount"]) for line in erp_lines[other["id"]])
        same = (other["state"], other["code"], other["currency"], other["total"], shown) == (
            state,
            row["account"],
            currency,
            major(row["total_minor"], currency),
            wanted,
        )
        if not same:
            found.add((INVOICE_RULE, row["number"]))
    return found


def _credits(tables: Tables) -> set[tuple[str, str]]:
    notes = by(tables.rows("erp", CREDIT_NOTES), "reference")
    found: set[tuple[str, str]] = set()
    for row in tables.rows("billing", CREDITS):
        note = notes.get(row["number"])
        wanted = (row["account"], row["currency"], major(row["amount_minor"], row["currency"]))
        if note is None or (note["code"], note["currency"], note["amount"]) != wanted:
            found.add((CREDIT_RULE, row["number"]))
    return found


def _support(tables: Tables) -> set[tuple[str, str]]:
    organizations = by(tables.rows("support", ORGANIZATIONS), "account")
    expected: Records = accounts(tables)
    found: set[tuple[str, str]] = set()
    for number, account in expected.items():
        organization = organizations.get(number)
        if organization is None or organization["service_level"] != account["tier"]:
            found.add((ENTITLEMENT_RULE, number))
        if organization is None or organization["delinquent"] != (account["standing"] == "delinquent"):
            found.add((STANDING_RULE, number))
    return found
