"""The canonical roles a source row can play: which fields it brings, in which order, and what their labels mean."""

from __future__ import annotations

from state import role as _role
from state.role import SEGMENT, label, optional

POSITION, TIME_MS, UNMAPPED, ID, FIRST = _role.POSITION, _role.TIME_MS, _role.UNMAPPED, _role.ID, _role.FIRST
REREAD_NEEDED, INEXACT_INTERVAL = _role.REREAD_NEEDED, _role.INEXACT_INTERVAL
Fact = _role.Fact
Ref = _role.Ref
Role = _role.Role
RoleField = _role.RoleField
required = RoleField

ROLES: dict[tuple[str, str], Role] = {
    (role.system, role.object): role
    for role in (
        Role(
            "billing",
            "account",
            (
                required("currency", "text"),
                label("standing", "good", "delinquent", "closed"),
                optional("reported_balance", "money"),
                optional("name", "text", personal=True),
                optional("region", "text"),
                optional("created_at", "instant"),
                # IANA name: whose days its milestones are told on
                optional("zone", "text"),
                optional("legal_entity", "text"),
                optional("product_line", "text"),
            ),
        ),
        Role(
            "billing",
            "subscription",
            (
                optional("currency", "text"),
                label("status", "pending", "trial", "active", "past_due", "paused", "cancelled", "expired"),
                label("tier"),
                required("plan", "text"),
                required("mrr", "money"),
                optional("started_on", "date"),
                optional("paid_until", "instant"),
                # maps the column up to which a cancelled subscription still entitles; unmapped: it ends at once
                optional("entitled_until", "instant"),
                # from when on, and up to when, it entitles in any live state; unmapped: as long as the state is live
                optional("valid_from", "instant"),
                optional("valid_until", "instant"),
                # last day of the contract, for example {date: started_on, plus: term}
                optional("ends_on", "date"),
                # since when the status holds; unmapped: since the commit that brought it
                optional("effective_at", "instant"),
                # the day of the next renewal, where it is not the end of the contract
                optional("renews_on", "date"),
                # IANA name, where the subscription has another zone than its account
                optional("zone", "text"),
                *SEGMENT,
            ),
        ),
        Role(
            "billing",
            "usage",
            (
                required("subscription", "reference"),
                required("metric", "text"),
                required("quantity", "decimal"),
                required("used_at", "instant"),
                # the customer's local day that it counts for: {date: used_at, zone: {column: zone}}, and that zone
                optional("day", "date"),
                optional("zone", "text"),
                *SEGMENT,
            ),
        ),
        Role(
            "billing",
            "invoice",
            (
                optional("currency", "text"),
                label("status", "draft", "open", "paid", "void"),
                required("total", "money"),
                optional("issued_on", "date"),
                optional("due_on", "date"),
                optional("net", "money"),
                optional("tax", "money"),
                # as it was when the invoice was issued: a ratio, or a percentage, as the source keeps it
                optional("tax_rate", "decimal"),
                # a payment of it is between its transactions: nothing is corrected from it
                optional("in_flight", "boolean"),
                # since when the status holds; unmapped: since the commit that brought it
                optional("effective_at", "instant"),
                # whose tax it is, and whether the total of its lines holds it already
                optional("tax_jurisdiction", "text"),
                optional("tax_inclusive", "boolean"),
                *SEGMENT,
            ),
        ),
        Role(
            "billing",
            "invoice_line",
            (
                required("invoice", "reference"),
                required("amount", "money"),
                optional("description", "text"),
                optional("tax", "money"),
                optional("tax_rate", "decimal"),
                optional("tax_jurisdiction", "text"),
            ),
        ),
        Role(
            "billing",
            "payment",
            (
                optional("currency", "text"),
                required("invoice", "reference"),
                required("amount", "money"),
                # only succeeded pays; a dispute that is won is succeeded again
                label("status", "pending", "succeeded", "failed", "returned", "disputed", "cancelled"),
                optional("method", "text"),
                optional("received_at", "instant"),
                optional("in_flight", "boolean"),
                # since when the status holds; unmapped: since the commit that brought it
                optional("effective_at", "instant"),
                # no column: what a function of `derived` knows of attempts, captures and what was taken back
                optional("legs", "legs"),
                *SEGMENT,
            ),
        ),
        Role(
            "billing",
            "refund",
            (
                optional("currency", "text"),
                required("payment", "reference"),
                required("amount", "money"),
                optional("reason", "text"),
                optional("refunded_at", "instant"),
                *SEGMENT,
            ),
        ),
        Role(
            "billing",
            "credit",
            (
                optional("currency", "text"),
                required("amount", "money"),
                optional("reason", "text"),
                optional("created_at", "instant"),
                # the invoice that it is taken off; without one it is credit on the account
                optional("invoice", "reference"),
                optional("net", "money"),
                optional("tax", "money"),
                optional("tax_rate", "decimal"),
                *SEGMENT,
            ),
        ),
        Role(
            "erp",
            "account",
            (
                required("currency", "text"),
                optional("name", "text", personal=True),
                optional("version", "integer"),
            ),
        ),
        Role(
            "erp",
            "invoice",
            (
                optional("currency", "text"),
                label("state", "draft", "validated", "posted", "paid", "cancelled"),
                required("total", "money"),
                optional("posted_on", "date"),
                optional("version", "integer"),
                # units of the ledger's currency for one of the invoice's, on the day of booking
                optional("rate", "decimal"),
                optional("ledger_currency", "text"),
            ),
        ),
        Role(
            "erp",
            "invoice_line",
            (required("invoice", "reference"), required("amount", "money"), optional("description", "text")),
        ),
        Role(
            "erp",
            "payment",
            (
                optional("currency", "text"),
                required("invoice", "reference"),
                required("amount", "money"),
                optional("received_on", "date"),
                optional("rate", "decimal"),
            ),
        ),
        Role(
            "erp",
            "credit",
            (
                optional("currency", "text"),
                required("amount", "money"),
                optional("posted_on", "date"),
                optional("version", "integer"),
                RoleField("state", "label", required=False),
                # the ERP's invoice that it takes back
                optional("invoice", "reference"),
            ),
        ),
        Role(
            "support",
            "entitlement",
            (
                label("service_level"),
                optional("delinquent", "boolean"),
                optional("name", "text", personal=True),
                optional("version", "integer"),
            ),
        ),
        Role(
            "support",
            "case",
            (
                label("status", "open", "pending", "resolved", "deleted"),
                optional("severity", "integer"),
                optional("subject", "text", personal=True),
                optional("opened_at", "instant"),
                optional("resolved_at", "instant"),
                RoleField("service_level", "label", required=False),
                # the clock's holds that are over, and since when it is held now
                optional("held_ms", "integer"),
                optional("held_since", "instant"),
                # id of the case that it was merged into
                optional("merged_into", "text"),
                # the support system's own deadline; unmapped: that of the account's tier (state/viewing/service_clock.py)
                optional("due_at", "instant"),
                *SEGMENT,
            ),
        ),
        Role(
            "support",
            "case_event",
            (required("case", "reference"), optional("kind", "text"), optional("at", "instant")),
        ),
    )
}
SYSTEMS = ("billing", "erp", "support")
