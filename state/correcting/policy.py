"""What keeps a correction from being sent although the view wants it: mode, caps, mass changes, the brake, the switch.

Pure. Holds are the part of the policy that a restart must know; the rest is counted anew from the corrections.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from state.correcting.correction import Correction, Intent, State
from state.correcting.decision import SWITCH
from state.correcting.hold import MASS_CHANGE, WRITE_BRAKE, Hold, brake_id, mass_id, stopped
from state.correcting.lane import Place
from state.rules import Rule, Rules

#: modes from the strictest to the most lenient
_MODES = ("observe", "propose", "auto")
#: what routes may ask for
_ROUTED_BY = ("object", "legal_entity", "region", "product_line")
_TENANT = "tenant"
_NOT_SENT = frozenset({State.PLANNED, State.PROPOSED, State.APPROVED, State.REJECTED, State.REFUSED})


class Policy:
    """The rules as dispatch keeps them. `population`: how many objects of each kind there are; 0 or nothing where that is not known."""

    def __init__(self, rules: Rules, population: Mapping[str, int] | None = None) -> None:
        self._rules = {rule.name: rule for rule in rules.rules}
        self._brake = rules.brake
        self._routes = rules.routes
        self._by_tenant = any(route.tenant is not None for route in rules.routes)
        self._population = {} if population is None else population
        self._begun: Counter[str] = Counter()
        self._arrivals: defaultdict[str, deque[int]] = defaultdict(deque)
        self._writes: defaultdict[tuple[str, Place], deque[tuple[int, str]]] = defaultdict(deque)
        self._changed: list[tuple[str, Hold | None]] = []
        self.holds: dict[str, Hold] = {}
        #: target -> writes of an object that has used more than half of what the brake allows
        self.near_misses: Counter[str] = Counter()

    def restore(self, holds: Iterable[Hold], corrections: Iterable[tuple[Correction, Place]]) -> None:
        """Take holds back, and count what was found and sent before the restart."""
        self.holds |= {hold.id: hold for hold in holds}
        found = [(one.updated_ms if one.first_sent_ms is None else one.first_sent_ms, one, p) for one, p in corrections]
        for at_ms, one, place in sorted(found, key=lambda each: each[0]):
            if one.intent.mode == "auto" and one.group is None:
                self._arrivals[one.intent.rule].append(at_ms)
            if one.first_sent_ms is not None:
                self._writes[one.intent.target, place].append((at_ms, one.intent.rule))

    def knows(self, rule: str) -> bool:
        """Whether there is such a rule."""
        return rule in self._rules

    def author(self, rule: str) -> str:
        """Who wrote the rule; empty where that is not said."""
        known = self._rules.get(rule)
        return known.author if known else ""

    def proposal_ms(self, rule: str) -> int:
        """How long a proposal of this rule waits for a person."""
        known = self._rules.get(rule)
        return known.proposal_ms if known else 0

    def strict(self, intent: Intent) -> Intent:
        """The intent in the stricter of two modes: the one it was found with, and the rule's of now."""
        rule = self._rules.get(intent.rule)
        if rule is None or intent.mode not in _MODES:
            return intent
        mode = min(intent.mode, rule.mode, key=_MODES.index)
        return intent if mode == intent.mode else replace(intent, mode=mode)

    def route(self, intent: Intent) -> str | None:
        """The target that an intent for a system goes to; None where routes are told for it and none fits.

        What belongs to a tenant goes only where a route names that tenant, and what belongs to none nowhere once routes
        name tenants: no customer of one is ever written into the books of another.
        """
        where = {"object": intent.object, **(intent.segment or {})}
        tenant = where.get(_TENANT)
        if self._by_tenant and tenant is None:
            return None
        told = [route for route in self._routes if route.system == intent.target]
        for route in told:
            if route.tenant == tenant and all(getattr(route, name) in (None, where.get(name)) for name in _ROUTED_BY):
                return route.target
        return None if told or tenant is not None else intent.target

    def leads_elsewhere(self, known: Correction, intent: Intent) -> bool:
        """Whether its object has another segment than when it was planned, which leads to another target; nothing was sent yet."""
        if known.attempt or known.state not in _NOT_SENT or known.intent.segment == intent.segment:
            return False
        return self.route(intent) != known.intent.target

    @property
    def is_stopped(self) -> bool:
        """Whether a person has stopped all corrections."""
        return SWITCH in self.holds

    def stop(self, by: str, reason: str, now_ms: int) -> None:
        """Throw the switch; thrown again it stays as it was."""
        if not self.is_stopped:
            self._hold(stopped(by, reason or "no reason given", now_ms))

    def release(self, hold_id: str) -> Hold | None:
        """End a hold; its counts begin anew. None if there is none."""
        hold = self.holds.pop(hold_id, None)
        if hold is None:
            return None
        self._changed.append((hold_id, None))
        for name in hold.rules if hold.kind == MASS_CHANGE else ():
            self._arrivals[name].clear()
        if hold.kind == WRITE_BRAKE:
            self._writes[hold.target, (hold.object, hold.object_id)].clear()
        return hold

    def drain(self) -> list[tuple[str, Hold | None]]:
        """Holds that began or ended (None) since the last look."""
        drained, self._changed = self._changed, []
        return drained

    def arrived(self, intent: Intent, now_ms: int) -> Hold | None:
        """Count a new correction of a rule; the hold that it must wait in if too many came at once."""
        rule = self._rules[intent.rule]
        if rule.guard is None:
            return None
        recent = self._arrivals[rule.name]
        recent.append(now_ms)
        while recent[0] <= now_ms - rule.guard.within_ms:
            recent.popleft()
        held = self.holds.get(mass_id(rule.name))
        if held is None and self._is_mass(rule, len(recent)):
            held = self._hold(self._mass_hold(rule, len(recent), now_ms))
        return held

    def may_begin(self, correction: Correction) -> str | None:
        """Why the rule's caps do not let it begin in this run, or None; a begun one is counted once."""
        rule = self._rules[correction.intent.rule]
        if correction.attempt > 0:
            return None
        if self._begun[rule.name] >= self._cap(rule):
            return (
                f"rule {rule.name} has begun as many corrections in this run as its cap allows ({self._cap(rule)}). "
                f"Next step: check them, then restart dispatch or raise the cap"
            )
        self._begun[rule.name] += 1
        return None

    def braked(self, correction: Correction, place: Place, now_ms: int) -> Hold | None:
        """Count a first write of an object; the brake if it has been written too often."""
        target = correction.intent.target
        held = self.holds.get(brake_id(target, *place))
        if held is not None or correction.attempt > 0:
            return held
        recent = self._writes[target, place]
        while recent and recent[0][0] <= now_ms - self._brake.within_ms:
            recent.popleft()
        if len(recent) >= self._brake.writes:
            names = sorted({name for _, name in recent} | {correction.intent.rule})
            return self._hold(self._brake_hold(correction, place, names, len(recent), now_ms))
        recent.append((now_ms, correction.intent.rule))
        if 2 * len(recent) > self._brake.writes:
            self.near_misses[target] += 1
        return None

    def _cap(self, rule: Rule) -> int:
        known = self._population.get(rule.object, 0)
        if rule.cap_percent == 100 or known == 0:
            return rule.cap
        return min(rule.cap, max(1, known * rule.cap_percent // 100))

    def _is_mass(self, rule: Rule, found: int) -> bool:
        known = self._population.get(rule.object, 0)
        return rule.guard is not None and found > rule.guard.number and 100 * found > known * rule.guard.percent

    def _hold(self, hold: Hold) -> Hold:
        self.holds[hold.id] = hold
        self._changed.append((hold.id, hold))
        return hold

    def _mass_hold(self, rule: Rule, found: int, now_ms: int) -> Hold:
        known = self._population.get(rule.object)
        of = "" if known is None else f" of {known} objects"
        within_s = rule.guard.within_ms // 1000 if rule.guard else 0
        text = (
            f"rule {rule.name} found {found} differences{of} within {within_s} s: that looks like a mistake in the rule "
            f"or in a source. Next step: look at some, then concord corrections approve or reject {mass_id(rule.name)}"
        )
        name = mass_id(rule.name)
        return Hold(name, MASS_CHANGE, (rule.name,), rule.target, rule.object, "", text, "", rule.team, now_ms)

    def _brake_hold(self, correction: Correction, place: Place, names: list[str], found: int, now_ms: int) -> Hold:
        intent = correction.intent
        name = brake_id(intent.target, *place)
        who = f"rules {' and '.join(names)} fight over it" if len(names) > 1 else f"rule {names[0]} and the target do"
        text = (
            f"{intent.target} {place[0]} {place[1]} was corrected {found} times within {self._brake.within_ms // 1000} s: "
            f"{who}. Next step: end the fight, then concord corrections approve {name}"
        )
        return Hold(name, WRITE_BRAKE, tuple(names), intent.target, *place, text, "", intent.team, now_ms)
