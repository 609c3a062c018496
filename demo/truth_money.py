"""Truth by SQL for the objects that both billing and the ERP show: invoices, payments, refunds, credits."""

from __future__ import annotations

from collections.abc import Callable

from demo.truth import (
    PAID_AMOUNTS,
    Record,
    Records,
    Row,
    Tables,
    _minor,
    _row,
    accounts,
    by,
    cases,
    entitlements,
    subscriptions,
    usages,
)

INVOICES = f"""
WITH {PAID_AMOUNTS}
SELECT i.*, a.number AS account, a.currency,
  (SELECT coalesce(sum(l.amount_minor), 0)::bigint FROM invoice_lines l WHERE l.invoice_id = i.id) AS line_sum,
  (SELECT count(*) FROM invoice_lines l WHERE l.invoice_id = i.id) AS line_count,
  (SELECT coalesce(sum(x.amount_minor), 0)::bigint FROM paid_amounts x WHERE x.invoice_id = i.id) AS paid,
  (SELECT coalesce(sum(r.amount_minor), 0)::bigint FROM refunds r JOIN payments p ON p.id = r.payment_id
     WHERE coalesce(r.invoice_id, p.invoice_id) = i.id) AS refunded
FROM invoices i JOIN accounts a ON a.id = i.account_id
"""
ERP_INVOICES = """
SELECT s.*, c.code, c.currency,
  (SELECT coalesce(sum(l.amount), 0) FROM sales_invoice_lines l WHERE l.sales_invoice_id = s.id) AS line_sum,
  (SELECT count(*) FROM sales_invoice_lines l WHERE l.sales_invoice_id = s.id) AS line_count,
  (SELECT coalesce(sum(r.amount), 0) FROM receipts r WHERE r.sales_invoice_id = s.id) AS received
FROM sales_invoices s JOIN customers c ON c.id = s.customer_id
"""
PAYMENTS = f"""
WITH {PAID_AMOUNTS}
SELECT p.*, a.number AS account, a.currency,
  (SELECT CASE WHEN count(DISTINCT l.invoice_id) < 2 THEN i.number END
     FROM payment_allocations l WHERE l.payment_id = p.id) AS invoice,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('invoice', n.number, 'amount_minor', x.amount_minor) ORDER BY n.number), '[]')
     FROM paid_amounts x JOIN invoices n ON n.id = x.invoice_id WHERE x.payment_id = p.id) AS allocations,
  (SELECT coalesce(sum(r.amount_minor), 0)::bigint FROM refunds r WHERE r.payment_id = p.id) AS refunded
FROM payments p JOIN invoices i ON i.id = p.invoice_id JOIN accounts a ON a.id = i.account_id
"""
RECEIPTS = """
SELECT r.*, c.code, c.currency FROM receipts r
JOIN sales_invoices s ON s.id = r.sales_invoice_id JOIN customers c ON c.id = s.customer_id
"""
REFUNDS = """
SELECT r.*, i.number AS invoice, a.number AS account, a.currency FROM refunds r JOIN payments p ON p.id = r.payment_id
JOIN invoices i ON i.id = coalesce(r.invoice_id, p.invoice_id) JOIN accounts a ON a.id = i.account_id
"""
CREDITS = "SELECT c.*, a.number AS account, a.currency FROM credits c JOIN accounts a ON a.id = c.account_id"
CREDIT_NOTES = "SELECT n.*, c.code, c.currency FROM credit_notes n JOIN customers c ON c.id = n.customer_id"


def invoices(tables: Tables) -> Records:
    """Invoices of billing and of the ERP, joined by number."""
    booked = by(tables.rows("erp", ERP_INVOICES), "reference")
    found: Records = {}
    for row in tables.rows("billing", INVOICES):
        owed = row["status"] in ("open", "paid")
        found[row["number"]] = {
            "id": row["number"],
            **{name: row[name] for name in ("account", "status", "currency", "total_minor", "line_count")},
            "line_sum_minor": row["line_sum"],
            "paid_minor": row["paid"],
            "refunded_minor": row["refunded"],
            "open_minor": max(0, row["total_minor"] - row["paid"]) if owed else 0,
            "issued_on": row["issued_on"].isoformat(),
            "due_on": row["due_on"].isoformat(),
            "billing": _row(row),
            "erp": _booked(booked.pop(row["number"], None)),
        }
    for reference, row in booked.items():
        found[reference] = _erp_only(reference, row["code"], INVOICE_OF_ERP_ONLY) | {"erp": _booked(row)}
    return found


def _booked(row: Row | None) -> Record | None:
    if row is None:
        return None
    currency = row["currency"]
    return {
        **_row(row),
        "state": row["state"],
        "currency": currency,
        "total_minor": _minor(row["total"], currency),
        "line_sum_minor": _minor(row["line_sum"], currency),
        "line_count": row["line_count"],
        "received_minor": _minor(row["received"], currency),
        "posted_on": row["posted_on"].isoformat() if row["posted_on"] else None,
        "version": row["version"],
    }


INVOICE_OF_ERP_ONLY: Record = {
    "status": None,
    "total_minor": None,
    "line_sum_minor": 0,
    "line_count": 0,
    "paid_minor": 0,
    "refunded_minor": 0,
    "open_minor": 0,
    "issued_on": None,
    "due_on": None,
}


def _erp_only(identity: str, account: str, fields: Record) -> Record:
    """A record of an object that billing does not have; its currency is not compared."""
    return {"id": identity, "account": account, **fields, "billing": None}


def payments(tables: Tables) -> Records:
    """Billing's payments with the ERP's receipts."""
    receipts = by(tables.rows("erp", RECEIPTS), "reference")
    found: Records = {}
    for row in tables.rows("billing", PAYMENTS):
        identity = f"PAY-{row['id']}"
        receipt = receipts.pop(identity, None)
        found[identity] = {
            "id": identity,
            **{
                name: row[name]
                for name in ("account", "invoice", "status", "currency", "amount_minor", "method", "received_at")
            },
            "refunded_minor": row["refunded"],
            "allocations": row["allocations"],
            "unallocated_minor": 0,
            "billing": _row(row),
            "erp": _receipt(receipt),
        }
    absent: Record = {
        "invoice": None,
        "status": None,
        "amount_minor": None,
        "refunded_minor": 0,
        "allocations": [],
        "unallocated_minor": 0,
        "method": None,
        "received_at": None,
    }
    for reference, row in receipts.items():
        found[reference] = _erp_only(reference, row["code"], absent) | {"erp": _receipt(row)}
    return found


def _receipt(row: Row | None) -> Record | None:
    if row is None:
        return None
    amount = _minor(row["amount"], row["currency"])
    return {
        **_row(row),
        "currency": row["currency"],
        "amount_minor": amount,
        "received_on": row["received_on"].isoformat(),
    }


def refunds(tables: Tables) -> Records:
    """Billing's refunds."""
    names = ("account", "invoice", "currency", "amount_minor", "reason", "refunded_at")
    return {
        f"REF-{row['id']}": {
            "id": f"REF-{row['id']}",
            "payment": f"PAY-{row['payment_id']}",
            **{name: row[name] for name in names},
            "billing": _row(row),
        }
        for row in tables.rows("billing", REFUNDS)
    }


def credits(tables: Tables) -> Records:  # noqa: A001 - the object's own name
    """Billing's credits with the ERP's credit notes."""
    notes = by(tables.rows("erp", CREDIT_NOTES), "reference")
    names = ("account", "currency", "amount_minor", "reason", "created_at")
    found: Records = {}
    for row in tables.rows("billing", CREDITS):
        note = _note(notes.pop(row["number"], None))
        found[row["number"]] = {
            "id": row["number"],
            **{name: row[name] for name in names},
            "billing": _row(row),
            "erp": note,
        }
    for reference, row in notes.items():
        absent = {"amount_minor": None, "reason": None, "created_at": None}
        found[reference] = _erp_only(reference, row["code"], absent) | {"erp": _note(row)}
    return found


def _note(row: Row | None) -> Record | None:
    if row is None:
        return None
    amount = _minor(row["amount"], row["currency"])
    shown = {"currency": row["currency"], "amount_minor": amount, "posted_on": row["posted_on"].isoformat()}
    return {**_row(row), **shown, "version": row["version"]}


TRUTH: dict[str, Callable[[Tables], Records]] = {
    "account": accounts,
    "entitlement": entitlements,
    "subscription": subscriptions,
    "usage": usages,
    "invoice": invoices,
    "payment": payments,
    "refund": refunds,
    "credit": credits,
    "case": cases,
}
