"""Loads the ownership rules; every error names file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from connectors.located_yaml import Located, LocatedError
from connectors.mapping_account import Shape
from state.rules import Rule, Rules

#: rules that can be compared so far: object -> (owner, target)
_COMPARED = {
    "invoice": ("billing", "erp"),
    "credit": ("billing", "erp"),
    "entitlement": ("billing", "support"),
    "standing": ("billing", "support"),
}


class OwnershipError(LocatedError):
    """The ownership rules are wrong: the message names file, line, column and the next step."""


class _RuleShape(Shape):
    object: Literal["invoice", "credit", "entitlement", "standing"]
    owner: str
    target: str
    settle_ms: Annotated[int, Field(ge=0, le=86_400_000)]
    mode: Literal["observe", "propose", "auto"]
    cap: Annotated[int, Field(ge=0)]
    team: Annotated[str, Field(min_length=1)]
    tolerance_minor: Annotated[int, Field(ge=0)] = 0


class _OwnershipShape(Shape):
    version: Annotated[int, Field(ge=1)]
    tiers: Annotated[tuple[str, ...], Field(min_length=2)]
    team: Annotated[str, Field(min_length=1)]
    rules: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], _RuleShape], Field(min_length=1)]
    resolve_within_ms: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)


def load_rules(path: Path) -> Rules:
    """Read the rules. Raises OwnershipError for the first thing wrong."""
    file = Located(path, OwnershipError)
    shape = file.validate(_OwnershipShape)
    if len(set(shape.tiers)) != len(shape.tiers):
        raise file.error(("tiers",), "a tier is given twice. Next step: remove one")
    for tier in shape.resolve_within_ms:
        if tier not in shape.tiers:
            raise file.error(("resolve_within_ms", tier), f"{tier} is none of the tiers. Next step: correct it")
    rules: list[Rule] = []
    seen: dict[str, str] = {}
    for name, rule in shape.rules.items():
        loc = ("rules", name)
        if rule.object in seen:
            problem = f"{name} and {seen[rule.object]} are both about {rule.object}. Next step: keep one"
            raise file.error((*loc, "object"), problem)
        seen[rule.object] = name
        owner, target = _COMPARED[rule.object]
        for field, given, known in (("owner", rule.owner, owner), ("target", rule.target, target)):
            if given != known:
                problem = f"{rule.object} can only have {field} {known}, not {given}. Next step: correct it"
                raise file.error((*loc, field), problem)
        rules.append(Rule(name=name, **rule.model_dump()))
    return Rules(shape.version, shape.tiers, shape.team, tuple(rules), shape.resolve_within_ms)
