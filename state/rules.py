"""The ownership rules as data: who is right about what, who must agree, and how a difference may be ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Rounding = Literal["half_up", "half_even", "down"]
#: what a rule may be about; `state/comparing/compared.py` says how each is compared
CompareBy = Literal["invoice", "schedule", "credit", "entitlement", "standing", "customer", "escalation"]
Mode = Literal["observe", "propose", "auto"]
#: what a rule gets that says nothing about it
PROPOSAL_MS = 604_800_000
RENEWAL_DAYS = (90, 60, 30, 0)
BRAKE_WRITES, BRAKE_WITHIN_MS = 10, 600_000


@dataclass(frozen=True, slots=True)
class Proration:
    """How billing prorates a price: by the days or seconds that are left of the cycle, each amount rounded so.

    `always`: it prorates every change in mid-cycle, so that one without any prorated line is told.
    """

    per: Literal["day", "second"]
    rounding: Rounding
    always: bool = True


@dataclass(frozen=True, slots=True)
class Guard:
    """Mass change: more than `number` new corrections within `within_ms`, and more than `percent` of the objects."""

    number: int
    percent: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Brake:
    """Loop of successes: after `writes` corrections of one target object within `within_ms` a person is asked."""

    writes: int = BRAKE_WRITES
    within_ms: int = BRAKE_WITHIN_MS


@dataclass(frozen=True, slots=True)
class Budget:
    """What all processes may ask of a target together, with the account that they log in as."""

    account: str
    concurrency: int
    per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class Route:
    """Corrections for `system` about such objects go to `target`; None is any."""

    system: str
    target: str
    object: str | None = None
    legal_entity: str | None = None
    region: str | None = None
    product_line: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`owner` is right about `object`; `target` must agree within `tolerance_minor`, after `settle_ms`.

    `author` wrote the rule and may not approve what it proposes; a proposal lives `proposal_ms`. `cap` and `cap_percent`
    (of the objects) bound what one run begins.
    """

    name: str
    object: CompareBy
    owner: str
    target: str
    settle_ms: int
    mode: Mode
    cap: int
    team: str
    tolerance_minor: int = 0
    author: str = ""
    proposal_ms: int = PROPOSAL_MS
    cap_percent: int = 100
    guard: Guard | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules. `tiers` from worst to best, the first being no entitlement; `team` owns what no rule names."""

    version: int
    tiers: tuple[str, ...]
    team: str
    rules: tuple[Rule, ...]
    #: time to resolve a case, per tier of its account
    resolve_within_ms: Mapping[str, int] = field(default_factory=dict)
    #: "system.object" -> state -> states that may follow, whole tables in place of those in `state/folding/life.py`
    transitions: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    brake: Brake = Brake()
    #: what each tier lets its customers use
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: days before a subscription renews or ends on which that is told
    renewal_days: tuple[int, ...] = RENEWAL_DAYS
    #: by target
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    #: the first that fits counts; a system that is named in none is its own target
    routes: tuple[Route, ...] = ()
    #: None: what billing prorates is not checked
    proration: Proration | None = None

    def team_of(self, kind: str) -> str:
        """The team that owns objects of a kind."""
        return next((rule.team for rule in self.rules if rule.object == kind), self.team)
