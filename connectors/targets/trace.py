"""What a write leaves at its target besides the values: which correction it was, of which state, and who let it go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from state.correcting.correction import Correction

#: how every trace in one text begins; the correction's id follows
WORDS = "Concord correction"
_IN_TEXT = re.compile(rf"{WORDS} ([0-9A-Za-z_-]{{6,64}})")


@dataclass(frozen=True)
class Trace:
    """`correction`: its id, which `concord explain` takes. `frontier`: the positions that the difference was found at.

    `approver`: the person, or the rule that sends by itself.
    """

    correction: str
    frontier: str
    approver: str

    @property
    def text(self) -> str:
        """All of it in one line, for a target that has one place."""
        return f"{WORDS} {self.correction}; as of {self.frontier}; approved by {self.approver}"

    @property
    def parts(self) -> Mapping[str, str]:
        """Each by its name, for a target that has a place for each; `text` is all in one."""
        told = {"correction": self.correction, "frontier": self.frontier, "approver": self.approver}
        return told | {"text": self.text}


def trace_of(correction: Correction) -> Trace:
    """The trace of a correction as it is sent."""
    intent = correction.intent
    frontier = ", ".join(f"{source} {position}" for source, position in sorted(intent.positions.items())) or "nothing"
    return Trace(correction.id, frontier, correction.approved_by or f"rule {intent.rule} version {intent.rule_version}")


def traced(text: str) -> str:
    """The correction's id (or key) that a trace names; any other text as it is."""
    found = _IN_TEXT.search(text)
    return found[1] if found else text
