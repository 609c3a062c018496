"""A small company for the cases: a mapping and the Avro columns of each of its tables, to be put together as needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.scenarios.cases.wire import ROOT, Wire

Columns = dict[str, Any]
Table = tuple[tuple[str, ...], Columns]
TEXT, LONG = ["null", "string"], ["null", "long"]
DAY = ["null", {"type": "int", "connect.name": "io.debezium.time.Date"}]
MICROS = ["null", {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}]

ACCOUNT = "A-000001"
TABLES: dict[str, Columns] = {
    "billing.accounts": {
        "number": "string", "name": TEXT, "currency": "string", "region": TEXT, "standing": "string", "balance_minor": LONG,
        "created_at": TEXT,
    },
    "billing.subscriptions": {
        "account_id": "long", "plan_code": "string", "status": "string", "mrr_minor": "long", "started_on": DAY,
        "paid_until": TEXT,
    },
    "billing.usage": {"subscription_id": "long", "metric": "string", "quantity": TEXT, "used_at": TEXT},
    "billing.invoices": {
        "account_id": "long", "number": "string", "status": "string", "total_minor": LONG, "issued_on": DAY, "due_on": DAY,
    },
    "billing.invoice_lines": {"invoice_id": "long", "description": TEXT, "amount_minor": LONG},
    "billing.payments": {
        "invoice_id": "long", "amount_minor": "long", "status": "string", "method": TEXT, "received_at": TEXT,
    },
    "billing.payment_allocations": {"payment_id": "long", "invoice_id": "long", "amount_minor": "long"},
    "billing.refunds": {
        "payment_id": "long", "invoice_id": LONG, "amount_minor": "long", "reason": TEXT, "refunded_at": TEXT,
    },
    "billing.credits": {"account_id": "long", "number": "string", "amount_minor": "long", "reason": TEXT, "created_at": TEXT},
    "erp.customers": {"code": "string", "name": TEXT, "currency": "string", "version": "long"},
    "erp.sales_invoices": {
        "customer_id": "long", "reference": "string", "state": "string", "total": TEXT, "posted_on": DAY, "version": "long",
    },
    "erp.sales_invoice_lines": {"sales_invoice_id": "long", "description": TEXT, "amount": TEXT},
    "erp.receipts": {"sales_invoice_id": "long", "reference": "string", "amount": TEXT, "received_on": DAY},
    "erp.credit_notes": {
        "customer_id": "long", "reference": "string", "amount": TEXT, "posted_on": DAY, "version": "long",
    },
    "support.organizations": {
        "name": TEXT, "account_ref": "string", "service_level": "string", "delinquent": "boolean", "version": "long",
    },
    "support.cases": {
        "organization_id": "long", "subject": TEXT, "status": "string", "severity": LONG, "opened_at": TEXT,
        "resolved_at": TEXT,
    },
    "support.case_events": {"case_id": "long", "kind": TEXT, "note": TEXT, "at": TEXT},
}  # fmt: skip


def topic(name: str) -> str:
    """The topic of a table such as billing.invoices."""
    source, _, table = name.partition(".")
    return f"{source}.public.{table}"


def company(
    folder: Path,
    sources: tuple[str, ...] = ("billing",),
    *,
    mapping: dict[str, dict[str, Any]] | None = None,
    columns: dict[str, Columns] | None = None,
    keyless: tuple[str, ...] = (),
    **options: Any,
) -> Wire:
    """The demo's sources and mappings. `mapping`: table -> what is different in its mapping, `fields` one by one.

    `columns`: table -> columns that are added or of another type; a type None removes the column. `keyless`: tables whose
    records have no key.
    """
    texts = {source: mapping_of(source, mapping or {}) for source in sources}
    tables: dict[str, Table] = {}
    for name, own in TABLES.items():
        if name.partition(".")[0] in sources:
            all_columns = {"id": "long", **own, **(columns or {}).get(name, {})}
            key = () if name in keyless else ("id",)
            tables[topic(name)] = (key, {c: t for c, t in all_columns.items() if t is not None})
    return Wire(folder, texts, tables, **options)


def mapping_of(source: str, changes: dict[str, dict[str, Any]]) -> str:
    """The demo's mapping with changes, as text."""
    data = yaml.safe_load((ROOT / "debezium" / source / "mapping.yaml").read_text())
    for name, change in changes.items():
        if name.partition(".")[0] != source:
            continue
        table = data["tables"][f"public.{name.partition('.')[2]}"]
        fields = {**table["fields"], **change.get("fields", {})}
        table.update(change)
        table["fields"] = {field: spec for field, spec in fields.items() if spec is not None}
    return yaml.safe_dump(data, sort_keys=False)


DEFAULTS: dict[str, dict[str, Any]] = {
    "billing.accounts": {
        "number": ACCOUNT, "name": "Nord", "currency": "EUR", "region": "eu", "standing": "good", "balance_minor": None,
        "created_at": "2026-01-01T00:00:00Z",
    },
    "billing.subscriptions": {
        "account_id": 1, "plan_code": "pro", "status": "active", "mrr_minor": 9900, "started_on": 20000, "paid_until": None,
    },
    "billing.usage": {"subscription_id": 1, "metric": "api", "quantity": "1", "used_at": "2026-01-01T00:00:00Z"},
    "billing.invoices": {"account_id": 1, "status": "open", "total_minor": 10000, "issued_on": 20000, "due_on": 20014},
    "billing.invoice_lines": {"invoice_id": 1, "description": "plan", "amount_minor": 10000},
    "billing.payments": {
        "invoice_id": 1, "amount_minor": 10000, "status": "succeeded", "method": "card",
        "received_at": "2026-01-02T00:00:00Z",
    },
    "billing.payment_allocations": {"payment_id": 1, "invoice_id": 1, "amount_minor": 4000},
    "billing.refunds": {
        "payment_id": 1, "invoice_id": None, "amount_minor": 1000, "reason": None, "refunded_at": "2026-01-03T00:00:00Z",
    },
    "billing.credits": {"account_id": 1, "amount_minor": 500, "reason": None, "created_at": "2026-01-03T00:00:00Z"},
    "erp.customers": {"code": ACCOUNT, "name": "Nord", "currency": "EUR", "version": 1},
    "erp.sales_invoices": {"customer_id": 1, "state": "posted", "total": "100.00", "posted_on": 20000, "version": 1},
    "erp.sales_invoice_lines": {"sales_invoice_id": 1, "description": "plan", "amount": "100.00"},
    "erp.receipts": {"sales_invoice_id": 1, "amount": "100.00", "received_on": 20001},
    "erp.credit_notes": {"customer_id": 1, "amount": "5.00", "posted_on": 20001, "version": 1},
    "support.organizations": {
        "name": "Nord", "account_ref": ACCOUNT, "service_level": "premium", "delinquent": False, "version": 1,
    },
    "support.cases": {
        "organization_id": 1, "subject": "Help", "status": "open", "severity": 2, "opened_at": "2026-01-01T00:00:00Z",
        "resolved_at": None,
    },
    "support.case_events": {"case_id": 1, "kind": "note", "note": None, "at": "2026-01-01T00:00:00Z"},
}  # fmt: skip
_NUMBERS = {
    "billing.invoices": ("number", "INV-{}"),
    "billing.credits": ("number", "CR-{}"),
    "erp.sales_invoices": ("reference", "INV-{}"),
    "erp.credit_notes": ("reference", "CR-{}"),
    "erp.receipts": ("reference", "PAY-{}"),
}


def row(name: str, key: int, /, **columns: Any) -> dict[str, Any]:
    """A row image: the defaults of its table, with these columns instead."""
    found = {"id": key, **DEFAULTS[name]}
    if name in _NUMBERS:
        column, form = _NUMBERS[name]
        found[column] = form.format(key)
    return found | columns
