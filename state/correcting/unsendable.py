"""Corrections that the configuration has no way for: refused by name, never sent to a default; a restart looks again."""

from __future__ import annotations

from state.correcting import correction as c
from state.correcting.correction import Correction, Intent, State

NO_RULE, NO_ROUTE, NO_TARGET = "NO_RULE", "NO_ROUTE", "NO_TARGET"
_CODES = frozenset({NO_RULE, NO_ROUTE, NO_TARGET})


def by_configuration(correction: Correction) -> bool:
    """Whether it was refused for lack of configuration alone, so that nothing of it was ever sent."""
    return correction.state is State.REFUSED and correction.code in _CODES and correction.attempt == 0


def no_rule(intent: Intent) -> c.Refused:
    """Its rule is not in the rules that dispatch has."""
    step = "restart dispatch with the rules that canonical uses"
    return c.Refused(NO_RULE, f"no ownership rule is called {intent.rule!r}. Next step: {step}")


def no_route(intent: Intent) -> c.Refused:
    """Routes are told for its system, and none of them fits."""
    where = ", ".join(f"{name} {value}" for name, value in sorted((intent.segment or {}).items()) if value)
    about = f"{intent.object} of {where or 'no tenant, legal entity, region or product line'}"
    step = "add one to the ownership rules, or map what the object lacks, and restart"
    return c.Refused(NO_ROUTE, f"no route leads to a target of {intent.target} for {about}. Next step: {step}")


def no_target(intent: Intent) -> c.Refused:
    """Its target is not there, or cannot write such objects."""
    step = "check the rule's or route's target, then restart dispatch"
    what = f"no target {intent.target!r} that can write {intent.object!r} is configured"
    return c.Refused(NO_TARGET, f"{what}. Next step: {step}")
