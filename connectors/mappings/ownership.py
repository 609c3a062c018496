"""Loads the ownership rules; every error names file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from connectors.mappings.account import Shape
from connectors.mappings.located_yaml import Located, LocatedError
from state.comparing.compared import COMPARED
from state.folding.life import TRANSITIONS
from state.rules import (
    BRAKE_WITHIN_MS,
    BRAKE_WRITES,
    PROPOSAL_MS,
    RENEWAL_DAYS,
    Brake,
    Budget,
    CompareBy,
    Guard,
    Proration,
    Route,
    Rule,
    Rules,
)


class OwnershipError(LocatedError):
    """The ownership rules are wrong: the message names file, line, column and the next step."""


class _GuardShape(Shape):
    number: Annotated[int, Field(ge=1)]
    percent: Annotated[int, Field(ge=0, le=100)]
    within_ms: Annotated[int, Field(ge=1000, le=86_400_000)] = 600_000


class _BrakeShape(Shape):
    writes: Annotated[int, Field(ge=1)] = BRAKE_WRITES
    within_ms: Annotated[int, Field(ge=1000, le=86_400_000)] = BRAKE_WITHIN_MS


class _BudgetShape(Shape):
    account: Annotated[str, Field(pattern=r"^[^{}\s]+$")]
    concurrency: Annotated[int, Field(ge=1, le=1000)]
    per_second: Annotated[int, Field(ge=1, le=100_000)]
    burst: Annotated[int, Field(ge=1)] = 1


class _ProrationShape(Shape):
    per: Literal["day", "second"]
    rounding: Literal["half_up", "half_even", "down"]
    always: bool = True


class _RouteShape(Shape):
    system: Annotated[str, Field(min_length=1)]
    target: Annotated[str, Field(min_length=1)]
    object: CompareBy | None = None
    legal_entity: str | None = None
    region: str | None = None
    product_line: str | None = None
    tenant: Annotated[str, Field(min_length=1)] | None = None


class _RuleShape(Shape):
    object: CompareBy
    owner: str
    target: str
    settle_ms: Annotated[int, Field(ge=0, le=86_400_000)]
    mode: Literal["observe", "propose", "auto"]
    cap: Annotated[int, Field(ge=0)]
    team: Annotated[str, Field(min_length=1)]
    tolerance_minor: Annotated[int, Field(ge=0)] = 0
    author: str | None = None
    proposal_ms: Annotated[int, Field(ge=60_000)] = PROPOSAL_MS
    cap_percent: Annotated[int, Field(ge=1, le=100)] = 100
    guard: _GuardShape | None = None


class _OwnershipShape(Shape):
    version: Annotated[int, Field(ge=1)]
    tiers: Annotated[tuple[str, ...], Field(min_length=2)]
    team: Annotated[str, Field(min_length=1)]
    author: str = ""
    rules: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], _RuleShape], Field(min_length=1)]
    resolve_within_ms: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    transitions: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    features: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    renewal_days: tuple[Annotated[int, Field(ge=0, le=3_660)], ...] = RENEWAL_DAYS
    brake: _BrakeShape = _BrakeShape()
    budgets: dict[str, _BudgetShape] = Field(default_factory=dict)
    routes: tuple[_RouteShape, ...] = ()
    proration: _ProrationShape | None = None


def load_rules(path: Path) -> Rules:
    """Read the rules. Raises OwnershipError for the first thing wrong."""
    file = Located(path, OwnershipError)
    shape = file.validate(_OwnershipShape)
    if len(set(shape.tiers)) != len(shape.tiers):
        raise file.error(("tiers",), "a tier is given twice. Next step: remove one")
    for option in ("resolve_within_ms", "features"):
        for tier in getattr(shape, option):
            if tier not in shape.tiers:
                raise file.error((option, tier), f"{tier} is none of the tiers. Next step: correct it")
    _check_routes(file, shape)
    transitions = _transitions(file, shape.transitions)
    rules: list[Rule] = []
    seen: dict[str, str] = {}
    for name, rule in shape.rules.items():
        loc = ("rules", name)
        if rule.object in seen:
            problem = f"{name} and {seen[rule.object]} are both about {rule.object}. Next step: keep one"
            raise file.error((*loc, "object"), problem)
        seen[rule.object] = name
        compared = COMPARED[rule.object]
        for field, given, known in (("owner", rule.owner, compared.owner), ("target", rule.target, compared.system)):
            if given != known:
                problem = f"{rule.object} can only have {field} {known}, not {given}. Next step: correct it"
                raise file.error((*loc, field), problem)
        author = shape.author if rule.author is None else rule.author
        if rule.mode == "propose" and not author:
            problem = f"{name} proposes and has no author. Next step: name who wrote it; that person may not approve it"
            raise file.error((*loc, "mode"), problem)
        guard = Guard(**rule.guard.model_dump()) if rule.guard else None
        rules.append(Rule(name=name, **rule.model_dump(exclude={"guard", "author"}), guard=guard, author=author))
    brake = Brake(**shape.brake.model_dump())
    return Rules(
        shape.version,
        shape.tiers,
        shape.team,
        tuple(rules),
        resolve_within_ms=shape.resolve_within_ms,
        transitions=transitions,
        brake=brake,
        features=shape.features,
        renewal_days=shape.renewal_days,
        proration=Proration(**shape.proration.model_dump()) if shape.proration else None,
        routes=tuple(Route(**route.model_dump()) for route in shape.routes),
        budgets={target: Budget(**budget.model_dump()) for target, budget in shape.budgets.items()},
    )


def _check_routes(file: Located, shape: _OwnershipShape) -> None:
    """Routes are about systems that rules write to, budgets about targets that rules or routes lead to."""
    systems = {rule.target for rule in shape.rules.values()}
    for number, route in enumerate(shape.routes):
        if route.system not in systems:
            problem = f"no rule has the target {route.system}. Next step: name the system that a rule writes to"
            raise file.error(("routes", number, "system"), problem)
        if route.tenant is None and any(other.tenant for other in shape.routes):
            problem = "other routes name a tenant and this one does not. Next step: name its tenant, one route for each"
            raise file.error(("routes", number), problem)
    for target in shape.budgets.keys() - systems - {route.target for route in shape.routes}:
        raise file.error(("budgets", target), f"no rule and no route leads to {target}. Next step: correct it")


def _transitions(file: Located, given: dict[str, dict[str, tuple[str, ...]]]) -> dict[str, dict[str, frozenset[str]]]:
    """What may follow a state, in place of what `state/folding/life.py` says of that state."""
    for name, table in given.items():
        known = TRANSITIONS.get(name)
        if known is None:
            problem = f"{name} has no states. Next step: use one of {', '.join(TRANSITIONS)}"
            raise file.error(("transitions", name), problem)
        for state, following in table.items():
            for one in (state, *following):
                if one not in known:
                    problem = f"{one} is no state of {name}. Next step: use one of {', '.join(known)}"
                    raise file.error(("transitions", name, state), problem)
    return {
        name: {**TRANSITIONS[name], **{state: frozenset(following) for state, following in table.items()}}
        for name, table in given.items()
    }
