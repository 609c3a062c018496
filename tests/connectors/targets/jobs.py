"""Corrections and jobs as the planner would hand them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from state.correcting.correction import Correction, Intent, State
from state.correcting.dispatcher import READ_BACK, WRITE, Job


def correction(
    target: str,
    object_name: str,
    desired: Mapping[str, str],
    name: str = "c1",
    current: Mapping[str, str] | None = None,
) -> Correction:
    """A correction of account A-000001 that is being sent; `current` is what the view saw (None: a missing row)."""
    return Correction(
        Intent(
            id=name,
            state="wanted",
            rule="rule",
            target=target,
            object=object_name,
            object_id=desired.get("reference", "A-000001"),
            account_id="A-000001",
            desired=desired,
            current=current,
            target_ref=None,
            positions={},
            since_ms=0,
            risk_minor=None,
            risk_currency=None,
            mode="auto",
            team="finance",
        ),
        State.SENDING,
        "A",
        1,
    )


def invoice(
    name: str = "c1", reference: str = "INV-1", current: Mapping[str, str] | None = None, **changes: str
) -> Correction:
    """One ERP invoice of 119.00 EUR with two lines."""
    lines = '[{"description": "Usage", "amount": "19.0"}, {"description": "Pro", "amount": "100"}]'
    fields = {"reference": reference, "customer": "A-000001", "currency": "EUR", "state": "posted", "total": "119.00"}
    return correction("erp", "invoice", {**fields, "lines": lines, **changes}, name, current)


def level(text: str, name: str = "c1", current: str = "none") -> Correction:
    """The service level of the organization."""
    return correction("support", "entitlement", {"service_level": text}, name, {"service_level": current})


def write(one: Correction) -> Job:
    """The job of sending it."""
    return Job(WRITE, one, True)


def read_back(one: Correction, may_repeat: bool = True) -> Job:
    """The job of looking."""
    return Job(READ_BACK, replace(one, state=State.UNKNOWN), may_repeat)
