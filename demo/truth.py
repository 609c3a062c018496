"""What the canonical view must show, computed from the three databases by SQL. Shares no code with the flow.

Each function returns {object id: record} in the form of `avro/<object>.avsc`, without what SQL cannot know (positions,
flags, the entitlement's reason). Instants are datetimes, for the text in a record to be parsed and compared as such.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from psycopg.rows import dict_row

from demo.company import Company
from demo.money import minor

Record = dict[str, Any]
Records = dict[str, Record]
Row = dict[str, Any]


class Tables:
    """One consistent read of each database: REPEATABLE READ, read only, nothing locked."""

    def __init__(self, company: Company) -> None:
        """Open the three snapshots."""
        self._conns = {system: company.connect(system) for system in ("billing", "erp", "support")}
        for conn in self._conns.values():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def rows(self, system: str, query: str) -> list[Row]:
        """All rows of a query."""
        with self._conns[system].cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode()).fetchall()

    def close(self) -> None:
        """Release the snapshots."""
        for conn in self._conns.values():
            conn.close()


def _row(row: Row) -> Record:
    return {"row": str(row["id"])}


def _minor(amount: Decimal | None, currency: str | None) -> int | None:
    return None if amount is None or currency is None else minor(amount, currency)


#: what of each succeeded payment pays which invoice: its rows in payment_allocations, without any its own invoice
PAID_AMOUNTS = """
paid_amounts AS (
  SELECT p.id AS payment_id, l.invoice_id, l.amount_minor FROM payments p
    JOIN payment_allocations l ON l.payment_id = p.id WHERE p.status = 'succeeded'
  UNION ALL
  SELECT p.id, p.invoice_id, p.amount_minor FROM payments p WHERE p.status = 'succeeded'
    AND NOT EXISTS (SELECT FROM payment_allocations l WHERE l.payment_id = p.id))
"""
ACCOUNTS = f"""
WITH {PAID_AMOUNTS}
SELECT a.*,
  (SELECT count(*) FROM subscriptions s WHERE s.account_id = a.id) AS subscriptions,
  (SELECT count(*) FROM subscriptions s WHERE s.account_id = a.id AND s.status IN ('trial', 'active', 'past_due')) AS live,
  (SELECT max(CASE s.plan_code WHEN 'basic' THEN 1 WHEN 'pro' THEN 2 WHEN 'enterprise' THEN 3 END)
     FROM subscriptions s WHERE s.account_id = a.id AND s.status IN ('trial', 'active', 'past_due')) AS tier,
  (SELECT coalesce(sum(s.mrr_minor), 0)::bigint FROM subscriptions s
     WHERE s.account_id = a.id AND s.status IN ('active', 'past_due')) AS mrr,
  (SELECT count(*) FROM usage u JOIN subscriptions s ON s.id = u.subscription_id WHERE s.account_id = a.id) AS usages,
  (SELECT count(*) FROM invoices i WHERE i.account_id = a.id) AS invoices,
  (SELECT count(*) FROM invoices i WHERE i.account_id = a.id AND i.status = 'open') AS invoices_open,
  (SELECT coalesce(sum(i.total_minor), 0)::bigint FROM invoices i
     WHERE i.account_id = a.id AND i.status IN ('open', 'paid')) AS billed,
  (SELECT count(*) FROM payments p JOIN invoices i ON i.id = p.invoice_id WHERE i.account_id = a.id) AS payments,
  (SELECT coalesce(sum(p.amount_minor), 0)::bigint FROM payments p JOIN invoices i ON i.id = p.invoice_id
     WHERE i.account_id = a.id AND p.status = 'succeeded') AS paid,
  (SELECT coalesce(sum(r.amount_minor), 0)::bigint FROM refunds r JOIN payments p ON p.id = r.payment_id
     JOIN invoices i ON i.id = p.invoice_id WHERE i.account_id = a.id) AS refunded,
  (SELECT count(*) FROM credits c WHERE c.account_id = a.id) AS credits,
  (SELECT coalesce(sum(c.amount_minor), 0)::bigint FROM credits c WHERE c.account_id = a.id) AS credited,
  (SELECT coalesce(sum(greatest(0, i.total_minor - coalesce((SELECT sum(x.amount_minor) FROM paid_amounts x
     WHERE x.invoice_id = i.id), 0))), 0)::bigint FROM invoices i
     WHERE i.account_id = a.id AND i.status IN ('open', 'paid')) AS open
FROM accounts a
"""
ORGANIZATIONS = "SELECT *, upper(trim(account_ref)) AS account FROM organizations"
CASE_COUNTS = """
SELECT upper(trim(o.account_ref)) AS account, count(*) AS cases, count(*) FILTER (WHERE c.status IN ('open', 'pending')) AS open
FROM cases c JOIN organizations o ON o.id = c.organization_id GROUP BY 1
"""
TIERS = {None: "none", 1: "standard", 2: "premium", 3: "enterprise"}


def accounts(tables: Tables) -> Records:
    """One record for each account that billing knows."""
    customers = {row["code"]: row for row in tables.rows("erp", "SELECT * FROM customers")}
    cases = {row["account"]: row for row in tables.rows("support", CASE_COUNTS)}
    found: Records = {}
    for row in tables.rows("billing", ACCOUNTS):
        number, customer, case = row["number"], customers.get(row["number"]), cases.get(row["number"])
        found[number] = {
            "id": number,
            **{name: row[name] for name in ("standing", "name", "region", "created_at", "currency")},
            "tier": TIERS[row["tier"]],
            "live_subscriptions": row["live"],
            "reported_balance_minor": row["balance_minor"],
            "totals": {row["currency"]: _totals(row)},
            **{
                name: row[name]
                for name in ("subscriptions", "usages", "invoices", "invoices_open", "payments", "credits")
            },
            "cases": case["cases"] if case else 0,
            "cases_open": case["open"] if case else 0,
            "parked_rows": 0,
            "billing": _row(row),
            "erp": {**_row(customer), **{name: customer[name] for name in ("currency", "name", "version")}}
            if customer
            else None,
        }
    return found


def _totals(row: Row) -> Record:
    balance = row["billed"] - row["paid"] + row["refunded"] - row["credited"]
    return {
        "billed_minor": row["billed"],
        "paid_minor": row["paid"],
        "refunded_minor": row["refunded"],
        "credited_minor": row["credited"],
        "balance_minor": balance,
        "open_minor": row["open"],
        "account_credit_minor": max(0, row["open"] - balance),
        "mrr_minor": row["mrr"],
    }


def entitlements(tables: Tables) -> Records:
    """One record for each account that billing knows, with support's organization if there is one."""
    organizations = {row["account"]: row for row in tables.rows("support", ORGANIZATIONS)}
    found: Records = {}
    for row in tables.rows("billing", ACCOUNTS):
        number, organization = row["number"], organizations.get(row["number"])
        shown = ("service_level", "delinquent", "name", "version")
        found[number] = {
            "id": number,
            "account": number,
            "tier": TIERS[row["tier"]],
            "standing": row["standing"],
            "delinquent": row["standing"] == "delinquent",
            "live_subscriptions": row["live"],
            "until": None,
            "support": {**_row(organization), **{name: organization[name] for name in shown}} if organization else None,
        }
    return found


def subscriptions(tables: Tables) -> Records:
    """Billing's subscriptions."""
    query = "SELECT s.*, a.number, a.currency FROM subscriptions s JOIN accounts a ON a.id = s.account_id"
    tiers = {"basic": "standard", "pro": "premium", "enterprise": "enterprise"}
    return {
        f"SUB-{row['id']}": {
            "id": f"SUB-{row['id']}",
            "account": row["number"],
            "tier": tiers[row["plan_code"]],
            "plan": row["plan_code"],
            "renews": row["status"] in ("trial", "active", "past_due"),
            **{name: row[name] for name in ("status", "currency", "mrr_minor", "paid_until")},
            "started_on": row["started_on"].isoformat(),
            "billing": _row(row),
        }
        for row in tables.rows("billing", query)
    }


def usages(tables: Tables) -> Records:
    """Billing's usage records."""
    query = "SELECT u.*, a.number FROM usage u JOIN subscriptions s ON s.id = u.subscription_id JOIN accounts a ON a.id = s.account_id"
    return {
        f"USE-{row['id']}": {
            "id": f"USE-{row['id']}",
            "account": row["number"],
            "subscription": f"SUB-{row['subscription_id']}",
            "metric": row["metric"],
            "quantity": format(row["quantity"].normalize(), "f"),
            "used_at": row["used_at"],
            "billing": _row(row),
        }
        for row in tables.rows("billing", query)
    }


def cases(tables: Tables) -> Records:
    """Support's cases."""
    query = (
        "SELECT c.*, upper(trim(o.account_ref)) AS account, (SELECT count(*) FROM case_events e WHERE e.case_id = c.id) AS events "
        "FROM cases c JOIN organizations o ON o.id = c.organization_id"
    )
    names = ("account", "status", "severity", "subject", "opened_at", "resolved_at", "events")
    return {
        f"CASE-{row['id']}": {"id": f"CASE-{row['id']}", **{name: row[name] for name in names}, "support": _row(row)}
        for row in tables.rows("support", query)
    }


def by(rows: list[Row], name: str) -> dict[Any, Row]:
    """Rows by the value of one column."""
    return {row[name]: row for row in rows}


def grouped(rows: list[Row], name: str) -> dict[Any, list[Row]]:
    """Rows grouped by the value of one column."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
    return groups
