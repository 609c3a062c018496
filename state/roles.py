"""The canonical roles a source row can play: which fields it brings, in which order, and what their labels mean."""

from __future__ import annotations

from state import role as _role
from state.billing_roles import BILLING
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
        *BILLING,
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
            (
                required("invoice", "reference"),
                required("amount", "money"),
                optional("description", "text"),
                optional("period_from", "date"),
                optional("period_until", "date"),
            ),
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
            "crm",
            "customer",
            (
                # of the recurring revenue; unmapped: billing's
                optional("currency", "text"),
                RoleField("tier", "label", required=False),
                optional("recurring_revenue", "money"),
                # id of the open severity-one case, empty without one
                optional("urgent_case", "text"),
                optional("name", "text", personal=True),
                optional("version", "integer"),
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
SYSTEMS = ("billing", "erp", "support", "crm")
