"""A hold keeps corrections from being sent until a person lets them go: the switch, a mass change, a write-rate brake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from state.correcting.decision import SWITCH

#: kinds of holds
MASS_CHANGE, WRITE_BRAKE, STOPPED = "MASS_CHANGE", "WRITE_BRAKE", "STOPPED"


@dataclass(frozen=True, slots=True)
class Hold:
    """One record of the topic `holds`; it is removed when the hold ends. `rules`: whose corrections it keeps back."""

    id: str
    kind: str
    rules: tuple[str, ...]
    target: str
    object: str
    object_id: str
    text: str
    by: str
    team: str
    since_ms: int


def mass_id(rule: str) -> str:
    """Id of the hold on a mass change of one rule."""
    return f"mass:{rule}"


def brake_id(target: str, resource: str, object_id: str) -> str:
    """Id of the brake on one object of a target."""
    return f"brake:{target}/{resource}/{object_id}"


def stopped(by: str, reason: str, now_ms: int) -> Hold:
    """The switch, thrown."""
    text = f"{by} has stopped all corrections: {reason}. Next step: when it is safe, concord corrections resume"
    return Hold(SWITCH, STOPPED, (), "", "", "", text, by, "", now_ms)


def hold_record(hold: Hold) -> dict[str, Any]:
    """The record of the topic `holds` (`avro/hold.avsc`)."""
    return {name: list(hold.rules) if name == "rules" else getattr(hold, name) for name in Hold.__slots__}


def hold_from(record: Mapping[str, Any]) -> Hold:
    """A hold from a decoded record."""
    return Hold(**{**record, "rules": tuple(record["rules"])})
