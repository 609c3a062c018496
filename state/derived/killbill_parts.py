"""Rows of Kill Bill that its derived objects are made of. Amounts are numeric(15,9) in major units; joins go by uuid."""

from __future__ import annotations

from state.folding.derivation import part_role
from state.role import RoleField, label, optional

_text = RoleField

PARTS = (
    part_role(
        "billing",
        "account_row",
        "account",
        (
            _text("uuid", "text"),
            _text("external_key", "text"),
            optional("currency", "text"),
            optional("name", "text", personal=True),
            optional("created_at", "instant"),
        ),
        ("uuid",),
    ),
    part_role(
        "billing",
        "subscription_row",
        "subscription",
        (
            _text("uuid", "text"),
            _text("bundle", "text"),
            optional("started_at", "instant"),
            optional("charged_through", "instant"),
        ),
        ("uuid", "bundle"),
    ),
    part_role(
        "billing",
        "subscription_event",
        "subscription",
        (
            _text("subscription", "text"),
            label("kind", "start", "change", "cancel"),
            _text("effective_at", "instant"),
            optional("plan", "text"),
            label("tier"),
            # months that the plan's price is for
            label("months"),
            _text("active", "boolean"),
        ),
        ("subscription",),
    ),
    part_role(
        "billing",
        "block",
        "subscription",
        (
            _text("blockable", "text"),
            label("kind", "subscription", "bundle", "account"),
            # what the service says; other states than these stay as they are, and only their two flags count
            label("state", "clear", "cancelled"),
            _text("service", "text"),
            _text("effective_at", "instant"),
            _text("entitlement", "boolean"),
            _text("billing", "boolean"),
            _text("active", "boolean"),
        ),
        ("blockable", "kind"),
    ),
    part_role(
        "billing",
        "invoice_row",
        "invoice",
        (
            _text("uuid", "text"),
            label("status", "draft", "committed", "void"),
            optional("issued_on", "date"),
            optional("currency", "text"),
        ),
        ("uuid",),
    ),
    part_role(
        "billing",
        "invoice_item",
        "invoice",
        (
            _text("uuid", "text"),
            _text("invoice", "text"),
            optional("subscription", "text"),
            # other kinds than this one stay as they are
            label("kind", "account_credit"),
            _text("amount", "money"),
            optional("rate", "money"),
            optional("plan", "text"),
            optional("description", "text"),
            optional("created_at", "instant"),
        ),
        ("invoice", "subscription"),
    ),
    part_role(
        "billing",
        "invoice_payment",
        "invoice",
        (
            _text("invoice", "text"),
            optional("payment", "text"),
            optional("cookie", "text"),
            # other kinds than this one stay as they are
            label("kind", "attempt"),
            label("status", "open", "done", "failed"),
            _text("amount", "money"),
        ),
        ("invoice", "payment", "cookie"),
    ),
    part_role("billing", "payment_row", "payment", (_text("uuid", "text"),), ("uuid",)),
    part_role(
        "billing",
        "payment_leg",
        "payment",
        (
            _text("uuid", "text"),
            _text("payment", "text"),
            _text("external_key", "text"),
            label("kind", "charge", "refund", "chargeback", "authorize", "void"),
            label("status", "open", "done", "failed"),
            optional("amount", "money"),
            optional("currency", "text"),
            optional("at", "instant"),
        ),
        ("payment", "external_key"),
    ),
)
