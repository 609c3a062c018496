"""The steps that can fail, how each fails on the old integration, and by what Concord names it."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """`step` in words of the report; `code`: the exception, or the ownership rule whose difference it is.

    `common`: which of the four common failures of such companies it is.
    """

    name: str
    step: str
    code: str
    by_billing: bool = False
    common: str = ""


FAILURES = (
    Failure("level", "service level at support", "entitlement-support", common="entitlement stale at support"),
    Failure("proration", "proration to the cent", "PRORATION_MISMATCH", by_billing=True),
    Failure("invoice", "ERP invoice", "invoice-posted", common="plan change not in the ERP"),
    Failure("schedule", "revenue schedule's input", "revenue-schedule"),
    Failure("crm", "CRM: plan and revenue", "customer-crm"),
    Failure("case", "CRM: severity-one case", "escalation-crm"),
    Failure("event", "expansion event, once", "UNMAPPED_STATUS", by_billing=True),
    Failure("standing", "collection at support", "standing-support", common="collection not at support"),
    Failure("figures", "figures of billing and ERP", "invoice-posted", common="figures without reconciliation"),
)
#: the last one: the ERP's people have closed the period, so the target itself refuses
REFUSAL = Failure("refused", "ERP invoice, its period closed", "PERIOD_CLOSED")
