"""Switchable faults of a demo service: how often, on what, and how it fails."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from demo.services.answers import Refused, invalid

#: Every kind of fault. `delay_after_commit` and `drop_after_commit` strike when the effect already exists.
KINDS = (
    "delay",
    "delay_after_commit",
    "throttle",
    "error",
    "drop_before_commit",
    "drop_after_commit",
)


@dataclass
class Fault:
    """One switched fault. With `count` it ends after that many strikes, with `probability` it strikes at random."""

    kind: str
    count: int | None = None
    probability: float = 1.0
    delay_ms: int = 0
    retry_after_s: int = 1
    methods: tuple[str, ...] = ("PUT",)
    path: str = "/"
    strikes: int = 0

    def strikes_at(self, method: str, path: str) -> bool:
        """Whether this fault is about such a request at all."""
        left = self.count is None or self.strikes < self.count
        return left and method in self.methods and path.startswith(self.path)


def parse_fault(body: Mapping[str, Any]) -> Fault:
    """A fault from the control endpoint's JSON; raises Refused that names the wrong field."""
    unknown = set(body) - {"kind", "count", "probability", "delay_ms", "retry_after_s", "methods", "path"}
    if unknown:
        raise invalid(min(unknown), "is not a property of a fault")
    if body.get("kind") not in KINDS:
        raise invalid("kind", f"must be one of {', '.join(KINDS)}")
    try:
        return Fault(
            kind=str(body["kind"]),
            count=None if body.get("count") is None else int(body["count"]),
            probability=float(body.get("probability", 1.0)),
            delay_ms=int(body.get("delay_ms", 0)),
            retry_after_s=int(body.get("retry_after_s", 1)),
            methods=tuple(body.get("methods", ("PUT",))),
            path=str(body.get("path", "/")),
        )
    except (TypeError, ValueError) as error:
        raise Refused(
            422, "INVALID_FAULT", f"the fault is not usable ({error}). Next step: use whole numbers"
        ) from error


class Faults:
    """The faults that are switched on; `seed` makes the random ones repeatable."""

    def __init__(self, seed: int = 0) -> None:
        self._on: list[Fault] = []
        self._random = random.Random(seed)

    def switch_on(self, fault: Fault) -> None:
        """Add one fault; several may be on at once."""
        self._on.append(fault)

    def clear(self) -> None:
        """Switch everything off."""
        self._on.clear()

    def strike(self, kind: str, method: str, path: str) -> Fault | None:
        """The fault of this kind that strikes this request now, counted, or None."""
        for fault in self._on:
            if fault.kind == kind and fault.strikes_at(method, path) and self._random.random() < fault.probability:
                fault.strikes += 1
                return fault
        return None

    def listing(self) -> list[dict[str, Any]]:
        """The switched faults with their strikes, for the control endpoint."""
        return [asdict(fault) for fault in self._on]

    def switch_all(self, faults: Iterable[Fault]) -> None:
        """Replace what is on by these."""
        self._on = list(faults)
