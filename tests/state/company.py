"""Rows of the demo company as JSON frames, the model of its mappings, and a shard over them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from connectors.mappings.loading import load_model
from connectors.mappings.ownership import load_rules
from state.model import Model
from state.output import Output
from state.row import Change, Release, Transaction
from state.rules import Rules
from state.shard import Shard

SOURCES = Path(__file__).resolve().parents[2] / "debezium"
ACCOUNT = "A-000001"
SETTLE_MS = 4000
Image = dict[str, Any]


@cache
def model() -> Model:
    """The three demo sources."""
    return load_model(SOURCES, ("billing", "erp", "support"))


@cache
def rules() -> Rules:
    """The demo's ownership rules."""
    return load_rules(SOURCES / "ownership.yaml")


def table(name: str) -> int:
    """Index of a table: "billing.invoices"."""
    source, _, relation = name.partition(".")
    return next(t.index for t in model().tables if t.topic == f"{source}.public.{relation}")


def decode(_table: int, frame: bytes) -> Image | None:
    """Frames are JSON row images; anything else is unreadable."""
    image: Image | None = json.loads(frame)
    return image


def reencode(_frame: bytes, row: Image) -> bytes:
    """As the frames are made."""
    return json.dumps(row).encode()


def shard(coalesce: bool = True, of: Model | None = None, by: Rules | None = None) -> Shard:
    """An empty shard of the demo company."""
    return Shard(of or model(), decode, by or rules(), reencode=reencode, coalesce=coalesce)


DEFAULTS: dict[str, Image] = {
    "billing.accounts": {
        "number": ACCOUNT,
        "name": "Nord",
        "currency": "EUR",
        "region": "eu",
        "standing": "good",
        "balance_minor": 0,
        "created_at": "2026-01-01T00:00:00Z",
    },
    "billing.subscriptions": {
        "account_id": 1,
        "plan_code": "pro",
        "status": "active",
        "mrr_minor": 9900,
        "started_on": 20000,
        "paid_until": None,
    },
    "billing.usage": {"subscription_id": 1, "metric": "api", "quantity": "1.50", "used_at": "2026-01-01T00:00:00.5Z"},
    "billing.invoices": {"account_id": 1, "status": "open", "total_minor": 10000, "issued_on": 20000, "due_on": 20014},
    "billing.invoice_lines": {"invoice_id": 1, "description": "plan", "amount_minor": 10000},
    "billing.payments": {
        "invoice_id": 1,
        "amount_minor": 10000,
        "status": "succeeded",
        "method": "card",
        "received_at": "2026-01-02T00:00:00Z",
    },
    "billing.payment_allocations": {"payment_id": 1, "invoice_id": 1, "amount_minor": 4000},
    "billing.refunds": {
        "payment_id": 1,
        "invoice_id": None,
        "amount_minor": 1000,
        "reason": "",
        "refunded_at": "2026-01-03T00:00:00Z",
    },
    "billing.credits": {"account_id": 1, "amount_minor": 500, "reason": "", "created_at": "2026-01-03T00:00:00Z"},
    "erp.customers": {"code": ACCOUNT, "name": "Nord", "currency": "EUR", "version": 1},
    "erp.sales_invoices": {"customer_id": 1, "state": "posted", "total": "100.000", "posted_on": 20000, "version": 1},
    "erp.sales_invoice_lines": {"sales_invoice_id": 1, "description": "plan", "amount": "100.000"},
    "erp.receipts": {"sales_invoice_id": 1, "amount": "100.000", "received_on": 20001},
    "erp.credit_notes": {"customer_id": 1, "amount": "5.000", "posted_on": 20001, "version": 1},
    "support.organizations": {
        "name": "Nord",
        "account_ref": " a-000001 ",
        "service_level": "premium",
        "delinquent": False,
        "version": 1,
    },
    "support.cases": {
        "organization_id": 1,
        "subject": "Help",
        "status": "open",
        "severity": 2,
        "opened_at": "2026-01-01T00:00:00Z",
        "resolved_at": None,
    },
    "support.case_events": {"case_id": 1, "kind": "note", "note": "", "at": "2026-01-01T00:00:00Z"},
}
_NUMBERS = {
    "billing.invoices": ("number", "INV-{}"),
    "billing.credits": ("number", "CR-{}"),
    "erp.sales_invoices": ("reference", "INV-{}"),
    "erp.credit_notes": ("reference", "CR-{}"),
    "erp.receipts": ("reference", "PAY-{}"),
}


def image(name: str, key: int, /, **columns: Any) -> Image:
    """A row image: the defaults of its table, with these columns instead."""
    row = {"id": key, **DEFAULTS[name]}
    if name in _NUMBERS:
        column, form = _NUMBERS[name]
        row[column] = form.format(key)
    return row | columns


def put(name: str, key: int, /, account: str = ACCOUNT, **columns: Any) -> Change:
    """The row now is so."""
    return Change(account, table(name), "u", str(key), json.dumps(image(name, key, **columns)).encode())


def raw(name: str, key: int, frame: bytes, account: str = ACCOUNT) -> Change:
    """The row now is what these bytes say."""
    return Change(account, table(name), "u", str(key), frame)


def drop(name: str, key: int, account: str = ACCOUNT) -> Change:
    """The row is gone."""
    return Change(account, table(name), "d", str(key), b"")


def transaction(position: int, *changes: Change, time_ms: int | None = None) -> Transaction:
    """One source transaction; the source is that of the first change."""
    source = model().tables[changes[0].table].source
    return Transaction(source, position, position if time_ms is None else time_ms, list(changes))


def release(clock_ms: int, *transactions: Transaction, live: bool = True, went_live: bool = False) -> Release:
    """A release with its clock."""
    return Release(clock_ms, {}, list(transactions), live, went_live)


def at(target: Shard, clock_ms: int, *changes: Change) -> Output:
    """Apply one transaction whose position and time are the clock."""
    if not changes:
        return target.apply(release(clock_ms))
    return target.apply(release(clock_ms, transaction(clock_ms, *changes)))


def records(out: Output) -> dict[tuple[str, str], Image | None]:
    """Records by (object, id); the last one of each counts."""
    return {(kind, key): record for kind, key, _, record in out.records if kind != "change"}


def record(out: Output, kind: str, key: str = ACCOUNT) -> Image:
    """One record that must be there."""
    found = records(out)[kind, key]
    assert found is not None
    return found


def everything(target: Shard, clock_ms: int = 0) -> dict[tuple[str, str], Image | None]:
    """The whole view of a shard, as it comes out when a first snapshot is complete."""
    return records(target.apply(release(clock_ms, went_live=True)))


def states(out: Output) -> list[tuple[str, str, str | None]]:
    """(object, object id, state) of the intents; state None for a tombstone, whose object is unknown."""
    return [("", "", None) if i is None else (i["object"], i["object_id"], i["state"]) for _, i in out.intents]


#: an account on which all systems agree
IN_STEP = (
    put("billing.accounts", 1, balance_minor=10000),
    put("billing.subscriptions", 1),
    put("billing.invoices", 1),
    put("billing.invoice_lines", 1),
    put("erp.customers", 1),
    put("erp.sales_invoices", 1),
    put("erp.sales_invoice_lines", 1),
    put("support.organizations", 1),
)


def in_step(clock_ms: int = 1000) -> Shard:
    """A shard with that account."""
    target = shard()
    out = at(target, clock_ms, *IN_STEP)
    assert not out.intents
    assert not out.exceptions
    return target
