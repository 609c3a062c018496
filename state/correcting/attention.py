"""Which corrections a person must look at, why, and what to do next: the exceptions of dispatch. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from state.correcting.correction import Correction, State

#: codes of corrections that wait for something that a person can change
_KEPT_BACK = frozenset({"CAP_REACHED", "WRITE_BRAKE", "DOUBT_OVERDUE"})


class Attention(NamedTuple):
    """An exception about a correction: its code, and the sentence that ends with the next step."""

    kind: str
    text: str


def attention(correction: Correction) -> Attention | None:
    """Why a person must look at it, or None if nobody must."""
    if correction.state is State.PROPOSED:
        return Attention(correction.code or "PROPOSED", correction.reason or _proposed(correction))
    if correction.state is State.REFUSED or correction.code == "PROPOSAL_EXPIRED":
        return Attention(correction.code or "REFUSED", _with_step(correction))
    if correction.code in _KEPT_BACK:
        return Attention(correction.code, correction.reason or correction.code)
    return None


def attention_record(correction: Correction) -> dict[str, Any] | None:
    """The record of the topic `corrections.exceptions` (`avro/attention.avsc`), or None if nobody must look."""
    found, intent = attention(correction), correction.intent
    if found is None:
        return None
    about = business(correction)
    return {
        "id": correction.id,
        "kind": found.kind,
        "state": correction.state.value,
        "account": intent.account_id,
        "target": intent.target,
        "rule": intent.rule,
        "object": intent.object,
        "object_id": intent.object_id,
        "text": found.text if found.text.startswith(about) else f"{about}: {found.text}",
        "team": intent.team,
        "since_ms": intent.since_ms,
        "risk_minor": intent.risk_minor,
        "risk_currency": intent.risk_currency,
        "invoice": intent.invoice,
        "case": intent.case,
    }


def business(correction: Correction) -> str:
    """What it is about, in words of the business: object, customer, target, invoice, case and amount, each where it is known."""
    intent = correction.intent
    about = f"{intent.object} {intent.object_id} of {intent.account_id} in {intent.target}"
    further = [f"invoice {intent.invoice}"] if intent.invoice and intent.invoice != intent.object_id else []
    further += [f"case {intent.case}"] if intent.case and intent.case != intent.object_id else []
    if intent.risk_minor is not None and intent.risk_currency is not None:
        further.append(f"{intent.risk_currency} {intent.risk_minor} minor")
    return f"{about} ({', '.join(further)})" if further else about


def _proposed(correction: Correction) -> str:
    what = "the row is missing there" if correction.intent.current is None else "it shows something else"
    return f"{business(correction)}: {what}. Next step: concord corrections approve or reject {correction.id}"


def _with_step(correction: Correction) -> str:
    reason = correction.reason or "refused"
    step = f"when its cause is gone, concord corrections propose {correction.id}"
    return reason if "Next step:" in reason else f"{reason}. Next step: {step}"
