"""Corrections and intents as plain records of their topics (`avro/correction.avsc`, `avro/intent.avsc`), and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from state.correcting.correction import Correction, Intent, State

_SHARED = (
    "id",
    "rule",
    "target",
    "object",
    "object_id",
    "account_id",
    "desired",
    "current",
    "target_ref",
    "positions",
    "since_ms",
    "risk_minor",
    "risk_currency",
    "mode",
    "team",
)
#: fields that records of an earlier version of the contract lack; their defaults are those of the contract
_SHARED_LATER = ("rule_version", "segment", "invoice", "case")
_OWN = (
    "attempt",
    "doubted",
    "read_backs",
    "first_sent_ms",
    "retry_at_ms",
    "code",
    "reason",
    "details",
    "proof",
    "approved_by",
    "updated_ms",
)
_OWN_LATER = (
    "proposed_ms",
    "proposed_by",
    "expires_ms",
    "group",
    "amendment",
    "doubt_until_ms",
    "late_looks",
)


def intent_from(record: Mapping[str, Any]) -> Intent:
    """An intent from a decoded record of the topic `intents`."""
    return _intent(record["state"], record)


def _intent(state: str, record: Mapping[str, Any]) -> Intent:
    later = {name: record[name] for name in _SHARED_LATER if name in record}
    return Intent(state=state, **{name: record[name] for name in _SHARED}, **later)


def correction_record(correction: Correction) -> dict[str, Any]:
    """The record of the topic `corrections`."""
    intent = correction.intent
    return {
        **{name: getattr(intent, name) for name in _SHARED + _SHARED_LATER},
        **{name: getattr(correction, name) for name in _OWN + _OWN_LATER},
        "intent_state": intent.state,
        "state": correction.state.value,
        "target_tier": correction.tier,
    }


def correction_from(record: Mapping[str, Any]) -> Correction:
    """A correction from a decoded record of the topic `corrections`."""
    intent = _intent(record["intent_state"], record)
    own = {name: record[name] for name in _OWN} | {name: record[name] for name in _OWN_LATER if name in record}
    return Correction(intent, State(record["state"]), record["target_tier"], **own)
