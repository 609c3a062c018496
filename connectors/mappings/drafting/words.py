"""The words by which a draft recognises tables, columns and labels. They are guesses, and the draft says so.

A phrase is a set of words that all have to be in the name, in singular; the first that fits best is taken.
"""

from __future__ import annotations

import re

#: (system, object) -> phrases for names of tables
TABLES: dict[tuple[str, str], tuple[str, ...]] = {
    ("billing", "account"): (
        "account", "customer", "subscriber", "client", "member", "organization", "organisation", "company", "tenant",
        "party", "partner", "user",
    ),
    ("billing", "subscription"): ("subscription", "contract", "membership", "agreement", "service", "policy"),
    ("billing", "usage"): ("usage", "consumption", "meter reading", "reading", "data volume", "volume", "call record", "cdr"),
    ("billing", "invoice"): ("invoice", "bill"),
    ("billing", "invoice_line"): ("invoice line", "invoice item", "line", "item", "position"),
    ("billing", "payment"): ("payment", "receipt", "collection"),
    ("billing", "allocation"): ("payment allocation", "payment application", "invoice payment", "allocation", "application"),
    ("billing", "refund"): ("refund", "chargeback", "payout", "reimbursement"),
    ("billing", "credit"): ("credit note", "credit", "voucher"),
    ("erp", "account"): ("customer", "party", "partner", "account", "debtor", "client"),
    ("erp", "invoice"): ("invoice", "bill", "receivable"),
    ("erp", "invoice_line"): ("invoice line", "invoice item", "line", "item", "position"),
    ("erp", "payment"): ("payment", "receipt", "settlement"),
    ("erp", "credit"): ("credit note", "credit"),
    ("crm", "customer"): ("customer", "account", "company", "client", "organization", "organisation"),
    ("support", "entitlement"): ("organization", "organisation", "customer", "company", "account", "client"),
    ("support", "case"): ("case", "ticket", "issue", "incident"),
    ("support", "case_event"): ("case event", "ticket event", "event", "comment", "activity", "transaction"),
}  # fmt: skip
#: object.field, or field of any object -> phrases for names of columns, the best first
COLUMNS: dict[str, tuple[str, ...]] = {
    "currency": ("currency", "currency code"),
    "standing": ("standing", "status", "state"),
    "reported_balance": ("balance",),
    "name": ("name", "display name", "company name", "full name"),
    "region": ("region", "country"),
    "created_at": ("created", "registered"),
    "status": ("status", "state"),
    "state": ("state", "status"),
    "tier": ("tier", "level", "class", "edition"),
    "plan": ("plan", "tariff", "product", "package", "rate plan"),
    "mrr": ("mrr", "monthly", "fee", "price", "amount", "charge"),
    "started_on": ("started", "start", "begin", "from"),
    "paid_until": ("paid until", "paid through", "charged through", "period end"),
    "metric": ("metric", "unit", "kind", "type"),
    "quantity": ("quantity", "volume", "amount", "units", "value"),
    "used_at": ("used", "measured", "recorded", "occurred", "read", "started"),
    "total": ("total", "gross", "amount", "sum"),
    "net": ("net", "subtotal"),
    "tax": ("tax", "vat"),
    "tax_rate": ("tax rate", "vat rate"),
    "issued_on": ("issued", "invoice date", "bill date", "date"),
    "due_on": ("due",),
    "amount": ("amount", "total", "sum", "value"),
    "description": ("description", "text", "label", "name"),
    "method": ("method", "channel"),
    "received_at": ("received", "paid", "booked"),
    "received_on": ("received", "paid", "booked", "date"),
    "refunded_at": ("refunded", "created"),
    "reason": ("reason", "note"),
    "posted_on": ("posted", "booked", "date"),
    "version": ("version", "lock version", "row version"),
    "recurring_revenue": ("recurring revenue", "mrr", "monthly"),
    "urgent_case": ("urgent case", "escalated case", "escalation"),
    "service_level": ("service level", "level", "tier", "plan"),
    "delinquent": ("delinquent", "overdue", "blocked"),
    "severity": ("severity", "priority"),
    "subject": ("subject", "title"),
    "opened_at": ("opened", "created"),
    "resolved_at": ("resolved", "closed", "solved"),
    "due_at": ("due", "deadline"),
    "kind": ("kind", "type"),
    "at": ("at", "created", "occurred"),
}
#: words that make a unique text column the id by which people and other systems call a thing
NUMBERS = ("number", "no", "num", "code", "reference", "ref", "external", "key")
#: words of columns that may hold money although they are integers
MONEY = frozenset(
    (
        "amount",
        "total",
        "price",
        "fee",
        "cent",
        "minor",
        "net",
        "gross",
        "tax",
        "vat",
        "balance",
        "sum",
        "mrr",
        "charge",
    )
)
#: numbers that are none, whatever else their names say
NO_MONEY = frozenset(("rate", "percent", "percentage", "quantity", "qty", "count", "volume", "weight"))
#: words of columns that are not captured unless a field is made of them
SECRET = frozenset(
    (
        "password", "hash", "token", "secret", "salt", "iban", "card", "ssn", "birth", "birthday", "phone", "mobile",
        "email", "mail", "address", "street", "postal", "zip", "note", "comment", "ip",
    )
)  # fmt: skip
MINOR = frozenset(("cent", "minor", "penny"))
#: object.field -> canonical label -> labels that are read as it
LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "account.standing": {
        "good": ("active", "ok", "open", "current", "enabled", "normal"),
        "delinquent": ("overdue", "past_due", "dunning", "suspended", "blocked", "arrears"),
        "closed": ("terminated", "cancelled", "canceled", "inactive", "deleted", "ended", "churned"),
    },
    "subscription.status": {
        "pending": ("ordered", "new", "draft", "created", "requested"),
        "trial": ("trialing", "trialling", "test"),
        "active": ("live", "running", "current"),
        "past_due": ("overdue", "unpaid", "dunning"),
        "paused": ("suspended", "on_hold", "frozen"),
        "cancelled": ("canceled", "terminated", "ended", "closed"),
        "expired": ("lapsed",),
    },
    "invoice.status": {
        "draft": ("new", "pending", "created"),
        "open": ("sent", "issued", "posted", "unpaid", "due", "overdue", "finalized", "committed"),
        "paid": ("settled", "closed"),
        "void": ("voided", "cancelled", "canceled", "reversed"),
    },
    "invoice.state": {
        "validated": (),
        "posted": ("open", "sent"),
        "cancelled": ("canceled", "void"),
        "paid": ("settled",),
    },
    "payment.status": {
        "pending": ("initiated", "new", "processing", "created", "open"),
        "succeeded": ("success", "booked", "completed", "captured", "settled", "received", "paid"),
        "failed": ("bounced", "declined", "rejected", "returned", "error"),
    },
    "case.status": {
        "open": ("new", "opened", "in_progress", "active"),
        "pending": ("waiting", "on_hold", "stalled"),
        "resolved": ("closed", "solved", "done", "rejected"),
        "deleted": ("spam",),
    },
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(name: str) -> tuple[str, ...]:
    """Words of a name in lower case and singular: `CustomerInvoices`, `customer_invoices` -> customer, invoice."""
    return tuple(_singular(word.lower()) for word in _WORD.findall(name))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def likeness(name: str, phrases: tuple[str, ...]) -> int:
    """How well the name fits the best phrase: 0 not at all; a longer and earlier phrase, and fewer other words, are better."""
    have, best = words(name), 0
    for place, phrase in enumerate(phrases):
        want = {_singular(word) for word in phrase.split()}
        if want <= set(have):
            best = max(best, 1000 * len(want) - 100 * (len(have) - len(want)) - place, 1)
    return best


def read_label(place: str, label: str, allowed: frozenset[str] | None) -> str | None:
    """The canonical label that a source's label is guessed to mean; None where nobody can tell."""
    plain = label.lower().replace(" ", "_").replace("-", "_")
    if allowed is None:
        return None
    if plain in allowed:
        return plain
    return next(
        (known for known, others in LABELS.get(place, {}).items() if plain in others and known in allowed), None
    )
