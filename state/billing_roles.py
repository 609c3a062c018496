"""The roles of billing's rows: what they say about accounts, subscriptions, invoices and the money that settles them."""

from __future__ import annotations

from state.role import SEGMENT, Role, RoleField, label, optional

required = RoleField
#: what an allocation may be; a reversal takes its amount back, and the last three count for nothing
_ALLOCATED = frozenset(("applied", "reversal", "pending", "failed", "reversed"))

BILLING = (
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
            optional("tenant", "text"),
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
            # a day on which a billing cycle begins, unmapped: started_on; and how many months one has, unmapped: one
            optional("cycle_anchor", "date"),
            optional("cycle_months", "integer"),
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
            # the period of service, its end not included: what revenue is recognised over
            optional("period_from", "date"),
            optional("period_until", "date"),
            # the subscription that it bills, and whether it is for the part of a cycle behind a change of plan
            optional("subscription", "reference"),
            optional("prorated", "boolean"),
        ),
    ),
    Role(
        "billing",
        "payment",
        (
            optional("currency", "text"),
            # unmapped, rows of the table below say what it pays; the loader wants one of them
            optional("invoice", "reference"),
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
        "allocation",
        (
            required("payment", "reference"),
            # null: set apart for no invoice
            required("invoice", "reference"),
            # in the payment's currency; negative where it takes back
            required("amount", "money"),
            # unmapped: every row counts
            RoleField("status", "label", required=False, labels=_ALLOCATED),
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
            # where the payment pays several: the one that it is given back of
            optional("invoice", "reference"),
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
)
