"""The report of `concord status`: plain data, its balance, and its JSON form (docs/cli.md describes the fields)."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"


class ParkedSample(NamedTuple):
    """One parked record: where it lies, whose it is ('' if that is not known), and why."""

    code: str
    topic: str
    partition: int
    offset: int
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source. `frontier` and `age_ms` are None before its first published position; lags are of its own topics."""

    name: str
    connector: str
    failure: str | None
    frontier: int | None
    age_ms: int | None
    lag_records: int
    lag_seconds: float
    snapshot_complete: bool
    rows_in: int
    applied: int
    ignored: int
    parked: int

    @property
    def waiting(self) -> int:
        """Rows that were taken and are neither applied nor ignored nor parked: they wait for their account."""
        return self.rows_in - self.applied - self.ignored - self.parked

    def as_json(self) -> dict[str, Any]:
        """All fields; `in` is rows_in."""
        fields = asdict(self)
        return {"in" if name == "rows_in" else name: value for name, value in fields.items()} | {
            "waiting": self.waiting
        }


@dataclass(slots=True)
class Report:
    """Everything; `unreachable` holds one line for each service that did not answer."""

    now_ms: int
    commit: int | None = None
    committed_ms: int | None = None
    live: bool = False
    sources: list[SourceStatus] = field(default_factory=list)
    parked: Counter[str] = field(default_factory=Counter)
    parked_samples: list[ParkedSample] = field(default_factory=list)
    exceptions: Counter[str] = field(default_factory=Counter)
    corrections: Counter[str] = field(default_factory=Counter)
    intents: Counter[str] = field(default_factory=Counter)
    holds: list[dict[str, Any]] = field(default_factory=list)
    attention: Counter[str] = field(default_factory=Counter)
    lookup_state: str = "unknown"
    lookup_commit: int | None = None
    #: topics that are too long to be read whole: their counts are of the newest records
    partial: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)

    def balance(self) -> dict[str, Any]:
        """in = applied + ignored + parked, but for rows that wait for their account and are known to do so."""
        sums = {
            name: sum(getattr(source, name) for source in self.sources)
            for name in ("rows_in", "applied", "ignored", "parked", "waiting")
        }
        told = self.exceptions[UNKNOWN_ACCOUNT]
        balanced = sums["waiting"] == 0 or (told > 0 and sums["waiting"] >= told)
        return {"in": sums.pop("rows_in"), **sums, "balanced": balanced}

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "now_ms": self.now_ms,
            "flow": {"commit": self.commit, "committed_ms": self.committed_ms, "live": self.live},
            "sources": [source.as_json() for source in self.sources],
            "balance": self.balance(),
            "parked": {
                "total": self.parked.total(),
                "by_reason": dict(sorted(self.parked.items())),
                "samples": [sample._asdict() for sample in self.parked_samples],
            },
            "exceptions": {"total": self.exceptions.total(), "by_kind": dict(sorted(self.exceptions.items()))},
            "corrections": dict(sorted(self.corrections.items())),
            "intents": dict(sorted(self.intents.items())),
            "holds": self.holds,
            "attention": dict(sorted(self.attention.items())),
            "lookup": {"state": self.lookup_state, "commit": self.lookup_commit},
            "partial": self.partial,
            "unreachable": self.unreachable,
        }
