"""What a person decides, and what the decision is bound to: the state that was shown, never the state that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from state.correcting.correction import Correction

#: the verbs of a decision
APPROVE, REJECT, PROPOSE, STOP, RESUME = "approve", "reject", "propose", "stop", "resume"
VERBS = frozenset({APPROVE, REJECT, PROPOSE, STOP, RESUME})
#: the subject of stop and resume
SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Decision:
    """One record of the topic `decisions`.

    `subject`: a correction, a hold (group, brake) or the switch. `bindings`: of each correction that was shown, its
    binding: an approval holds for these and nothing else, so that it is a ceiling, not a licence.
    """

    id: str
    subject: str
    verb: str
    by: str
    at_ms: int
    bindings: frozenset[str] = frozenset()
    reason: str = ""


def binding(correction: Correction) -> str:
    """Hash of before, after and frontier: 32 hex digits. Another state of the target or the owner has another one."""
    intent = correction.intent
    parts = [
        intent.id,
        intent.target,
        "-" if intent.current is None else _text(intent.current),
        _text(intent.desired),
        _text(correction.amendment),
        _text({source: str(position) for source, position in intent.positions.items()}),
    ]
    return sha256("\x1d".join(parts).encode()).hexdigest()[:32]


def key_of(correction: Correction) -> str:
    """The idempotency key of a write: the correction's id, or one of its own for an amended request."""
    if not correction.amendment:
        return correction.id
    return sha256(f"{correction.id}\x1d{_text(correction.amendment)}".encode()).hexdigest()[:32]


def decision_record(decision: Decision) -> dict[str, Any]:
    """The record of the topic `decisions` (`avro/decision.avsc`)."""
    return {
        "id": decision.id,
        "subject": decision.subject,
        "verb": decision.verb,
        "by": decision.by,
        "at_ms": decision.at_ms,
        "bindings": sorted(decision.bindings),
        "reason": decision.reason,
    }


def decision_from(record: Mapping[str, Any]) -> Decision:
    """A decision from a decoded record."""
    return Decision(**{**record, "bindings": frozenset(record["bindings"])})


def _text(values: Mapping[str, str]) -> str:
    return "\x1f".join(f"{name}\x1e{value}" for name, value in sorted(values.items()))
