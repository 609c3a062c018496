"""The canonical roles a source row can play: which fields it brings, in which order, and what their labels mean.

A fact is a plain tuple: (position, time_ms, unmapped, id, *fields in the order given here). `unmapped` is None or the
names of label fields whose source label the mapping does not know; then the label is kept as it came. A field that is
unknown for another reason stands there with it: "REREAD_NEEDED:tier".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

POSITION, TIME_MS, UNMAPPED, ID, FIRST = range(5)
#: the row was captured before the column existed, and its value is no constant; a term of contract that is an average
REREAD_NEEDED, INEXACT_INTERVAL = "REREAD_NEEDED", "INEXACT_INTERVAL"

#: (position, time_ms, unmapped, id, *fields)
Fact = tuple[Any, ...]
#: (table index, canonical text of the primary key)
Ref = tuple[int, str]


@dataclass(frozen=True, slots=True)
class RoleField:
    """One canonical field: `kind` is text, label, money, decimal, date, instant, integer, boolean or reference."""

    name: str
    kind: str
    required: bool = True
    labels: frozenset[str] | None = None
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """What a row of one system says about one canonical object."""

    system: str
    object: str
    fields: tuple[RoleField, ...]

    def index(self, name: str) -> int:
        """Place of a field in the fact."""
        return FIRST + next(i for i, field in enumerate(self.fields) if field.name == name)


def _label(name: str, *labels: str) -> RoleField:
    return RoleField(name, "label", labels=frozenset(labels) or None)


def _optional(name: str, kind: str, personal: bool = False) -> RoleField:
    return RoleField(name, kind, required=False, personal=personal)


_REQUIRED = RoleField

ROLES: dict[tuple[str, str], Role] = {
    (role.system, role.object): role
    for role in (
        Role(
            "billing",
            "account",
            (
                _REQUIRED("currency", "text"),
                _label("standing", "good", "delinquent", "closed"),
                _optional("reported_balance", "money"),
                _optional("name", "text", personal=True),
                _optional("region", "text"),
                _optional("created_at", "instant"),
            ),
        ),
        Role(
            "billing",
            "subscription",
            (
                _optional("currency", "text"),
                _label("status", "trial", "active", "past_due", "cancelled", "expired"),
                _label("tier"),
                _REQUIRED("plan", "text"),
                _REQUIRED("mrr", "money"),
                _optional("started_on", "date"),
                _optional("paid_until", "instant"),
                # maps the column up to which a cancelled subscription still entitles; unmapped: it ends at once
                _optional("entitled_until", "instant"),
                # from when on, and up to when, it entitles in any live state; unmapped: as long as the state is live
                _optional("valid_from", "instant"),
                _optional("valid_until", "instant"),
                # last day of the contract, for example {date: started_on, plus: term}
                _optional("ends_on", "date"),
            ),
        ),
        Role(
            "billing",
            "usage",
            (
                _REQUIRED("subscription", "reference"),
                _REQUIRED("metric", "text"),
                _REQUIRED("quantity", "decimal"),
                _REQUIRED("used_at", "instant"),
                # the customer's local day that it counts for: {date: used_at, zone: {column: zone}}, and that zone
                _optional("day", "date"),
                _optional("zone", "text"),
            ),
        ),
        Role(
            "billing",
            "invoice",
            (
                _optional("currency", "text"),
                _label("status", "draft", "open", "paid", "void"),
                _REQUIRED("total", "money"),
                _optional("issued_on", "date"),
                _optional("due_on", "date"),
                _optional("net", "money"),
                _optional("tax", "money"),
                # as it was when the invoice was issued: a ratio, or a percentage, as the source keeps it
                _optional("tax_rate", "decimal"),
            ),
        ),
        Role(
            "billing",
            "invoice_line",
            (
                _REQUIRED("invoice", "reference"),
                _REQUIRED("amount", "money"),
                _optional("description", "text"),
            ),
        ),
        Role(
            "billing",
            "payment",
            (
                _optional("currency", "text"),
                _REQUIRED("invoice", "reference"),
                _REQUIRED("amount", "money"),
                _label("status", "pending", "succeeded", "failed"),
                _optional("method", "text"),
                _optional("received_at", "instant"),
            ),
        ),
        Role(
            "billing",
            "refund",
            (
                _optional("currency", "text"),
                _REQUIRED("payment", "reference"),
                _REQUIRED("amount", "money"),
                _optional("reason", "text"),
                _optional("refunded_at", "instant"),
            ),
        ),
        Role(
            "billing",
            "credit",
            (
                _optional("currency", "text"),
                _REQUIRED("amount", "money"),
                _optional("reason", "text"),
                _optional("created_at", "instant"),
                # the invoice that it is taken off; without one it is credit on the account
                _optional("invoice", "reference"),
                _optional("net", "money"),
                _optional("tax", "money"),
                _optional("tax_rate", "decimal"),
            ),
        ),
        Role(
            "erp",
            "account",
            (
                _REQUIRED("currency", "text"),
                _optional("name", "text", personal=True),
                _optional("version", "integer"),
            ),
        ),
        Role(
            "erp",
            "invoice",
            (
                _optional("currency", "text"),
                _label("state", "draft", "posted", "paid", "cancelled"),
                _REQUIRED("total", "money"),
                _optional("posted_on", "date"),
                _optional("version", "integer"),
                # units of the ledger's currency for one of the invoice's, on the day of booking
                _optional("rate", "decimal"),
                _optional("ledger_currency", "text"),
            ),
        ),
        Role(
            "erp",
            "invoice_line",
            (
                _REQUIRED("invoice", "reference"),
                _REQUIRED("amount", "money"),
                _optional("description", "text"),
            ),
        ),
        Role(
            "erp",
            "payment",
            (
                _optional("currency", "text"),
                _REQUIRED("invoice", "reference"),
                _REQUIRED("amount", "money"),
                _optional("received_on", "date"),
                _optional("rate", "decimal"),
            ),
        ),
        Role(
            "erp",
            "credit",
            (
                _optional("currency", "text"),
                _REQUIRED("amount", "money"),
                _optional("posted_on", "date"),
                _optional("version", "integer"),
            ),
        ),
        Role(
            "support",
            "entitlement",
            (
                _label("service_level"),
                _optional("delinquent", "boolean"),
                _optional("name", "text", personal=True),
                _optional("version", "integer"),
            ),
        ),
        Role(
            "support",
            "case",
            (
                _label("status", "open", "pending", "resolved"),
                _optional("severity", "integer"),
                _optional("subject", "text", personal=True),
                _optional("opened_at", "instant"),
                _optional("resolved_at", "instant"),
            ),
        ),
        Role(
            "support",
            "case_event",
            (_REQUIRED("case", "reference"), _optional("kind", "text"), _optional("at", "instant")),
        ),
    )
}
SYSTEMS = ("billing", "erp", "support")
