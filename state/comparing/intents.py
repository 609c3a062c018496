"""What the view wants of the targets, and how each want lives: settling, wanted, then seen or withdrawn.

A difference younger than the rule's settle time is published as settling, so that a restart knows its timer. Ages and
timers run on the sources' own clock. An open want stays as it is while the same values differ in the same way, and while
the target only takes the steps of a plan that leads to what is wanted.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from state.comparing.bookings import on_the_way
from state.comparing.compared import COMPARED, Difference, Values
from state.comparing.difference import Differences
from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.entitlement import Entitled
from state.folding.segments import Segment, Segments, as_record
from state.model import Model
from state.output import Output, Record
from state.rules import Rule, Rules
from state.sparse import NOTHING
from state.viewing.concern import concern

SETTLING, WANTED, SEEN, WITHDRAWN = "settling", "wanted", "seen", "withdrawn"
#: (rule name, object id)
Key = tuple[str, str]


class Intents:
    """Open intents of a shard's accounts; `timers` is the shard's heap of (time, account)."""

    def __init__(self, model: Model, rules: Rules, timers: list[tuple[int, str]]) -> None:
        self._differences = Differences(model)
        captured = {source.system for source in model.sources}
        # where no source of the target is captured nobody knows what is missing there
        known = [rule for rule in rules.rules if COMPARED[rule.object].system in captured]
        self._rules = {rule.name: rule for rule in known}
        self._version = rules.version
        self._segments = Segments(model.folded, Units(model.folded))
        self._of_object: dict[str, list[Rule]] = {}
        for rule in known:
            if not COMPARED[rule.object].whole:
                self._of_object.setdefault(COMPARED[rule.object].kind, []).append(rule)
        #: with the kinds of objects that are looked at
        self._of_account = [(rule, (it.made_of, it.kind)) for rule in known if (it := COMPARED[rule.object]).whole]
        self._timers = timers
        self._loaded: dict[str, dict[Key, Record]] = {}

    def load(self, intent: dict[str, Any]) -> None:
        """Restore an intent that was settling or wanted; one whose rule has changed since is due at once."""
        name = intent["account_id"]
        intent = {"rule_version": 0, "segment": None, "invoice": None, "case": None, **intent}
        self._loaded.setdefault(name, {})[intent["rule"], intent["object_id"]] = intent
        rule = self._rules.get(intent["rule"])
        if rule is None or self._outdated(rule, intent):
            heapq.heappush(self._timers, (0, name))
        elif intent["state"] == SETTLING:
            heapq.heappush(self._timers, (intent["due_ms"], name))

    @staticmethod
    def _outdated(rule: Rule, intent: Record) -> bool:
        """Whether the rule now treats its differences in another way than when this one was found."""
        return bool(intent["mode"] != rule.mode or intent["team"] != rule.team)

    def adopt(self, account: Account) -> None:
        """The account has just been decoded: its open intents come back, and what is blocked is no news."""
        account.intents = self._loaded.pop(account.id, NOTHING)
        account.blocked = self._differences.blocked(account)

    def compare(
        self,
        account: Account,
        now: Entitled,
        entitlement: bool,
        dirty: dict[tuple[str, str], int],
        clock_ms: int,
        out: Output,
    ) -> None:
        """Compare what was touched (`entitlement`: also what the account may use), let what is due become wanted."""
        blocked = self._differences.blocked(account)
        touched = max(dirty.values()) if dirty else clock_ms
        if blocked != account.blocked:
            account.blocked = blocked
            dirty = dict.fromkeys(account.items, touched) | dirty
            entitlement = True
        if self._of_object:
            for (kind, object_id), time_ms in dirty.items():
                for rule in self._of_object.get(kind, ()):
                    self._evaluate(account, rule, object_id, now, time_ms, clock_ms, out)
        kinds = {kind for kind, _ in dirty}
        for rule, concerned in self._of_account:
            if entitlement or not kinds.isdisjoint(concerned):
                self._evaluate(account, rule, account.id, now, touched, clock_ms, out)
        if account.intents:
            self._advance(account, now, touched, clock_ms, out)

    def _advance(self, account: Account, now: Entitled, touched_ms: int, clock_ms: int, out: Output) -> None:
        """Intents whose object is gone or whose rule no longer exists end; settling ones that are due become wanted."""
        for key, intent in list(account.intents.items()):
            rule = self._rules.get(key[0])
            if rule is None:
                self._end(account, key, intent, WITHDRAWN, out)
            elif not COMPARED[rule.object].whole and (COMPARED[rule.object].kind, key[1]) not in account.items:
                self._evaluate(account, rule, key[1], now, touched_ms, clock_ms, out)
            else:
                self._renew(account, key, rule, intent, clock_ms, out)

    def _renew(self, account: Account, key: Key, rule: Rule, intent: Record, clock_ms: int, out: Output) -> None:
        """Say it again where it has outlived its settle time, where its rule has changed or its object belongs elsewhere, and,
        while it settles, where another invoice or case hangs on it."""
        renewed = {**intent, "segment": as_record(self._segment(account, rule, key[1]))}
        if self._outdated(rule, intent):
            renewed |= {"mode": rule.mode, "team": rule.team, "rule_version": self._version}
        if intent["state"] == SETTLING:
            renewed |= concern(account, rule.object, intent["object_id"])
            if intent["due_ms"] <= clock_ms:
                renewed["state"] = WANTED
        if renewed != intent:
            account.own("intents")[key] = renewed
            out.intents.append((intent["id"], renewed))

    def _evaluate(
        self, account: Account, rule: Rule, object_id: str, now: Entitled, time_ms: int, clock_ms: int, out: Output
    ) -> None:
        key = (rule.name, object_id)
        open_intent = account.intents.get(key)
        found = None
        if rule.object not in account.blocked:
            found = self._differences.find(account, rule, object_id, now)
        if found is None and open_intent is None:
            return
        since_ms = time_ms
        if open_intent is not None:
            if found is not None and open_intent["desired"] == found.desired:
                if _alike(open_intent["current"], found.current) or self._under_way(open_intent, found):
                    return
                since_ms = open_intent["since_ms"]
            self._end(account, key, open_intent, self._outcome(account, rule, object_id, open_intent), out)
        if found is not None:
            self._begin(account, rule, object_id, found, since_ms, clock_ms, out)

    @staticmethod
    def _under_way(intent: Record, found: Difference) -> bool:
        """Whether the target is in the middle of a plan: what we have begun is not withdrawn because we see it half done."""
        if intent["state"] != WANTED or found.current is None:
            return False
        return on_the_way(found.desired, intent["current"], found.current, satisfied)

    def _outcome(self, account: Account, rule: Rule, object_id: str, intent: Record) -> str:
        """Seen if the target's own rows now show what was desired (they did not before), withdrawn otherwise."""
        if intent["state"] == SETTLING:
            return WITHDRAWN
        shown = self._differences.shown(account, rule, object_id)
        return SEEN if satisfied(intent["desired"], shown) else WITHDRAWN

    def _end(self, account: Account, key: Key, intent: Record, outcome: str, out: Output) -> None:
        """A settling intent that heals leaves nothing behind; a wanted one says how it ended."""
        account.drop("intents", key)
        settling = intent["state"] == SETTLING
        out.intents.append((intent["id"], None if settling else {**intent, "state": outcome}))

    def _begin(
        self,
        account: Account,
        rule: Rule,
        object_id: str,
        found: Difference,
        since_ms: int,
        clock_ms: int,
        out: Output,
    ) -> None:
        positions = self._differences.positions(account, rule, object_id)
        due_ms = since_ms + rule.settle_ms
        intent: Record = {
            "id": correction_id(rule.target, rule.object, object_id, found.desired, positions),
            "state": WANTED if due_ms <= clock_ms else SETTLING,
            "rule": rule.name,
            "target": rule.target,
            "object": rule.object,
            "object_id": object_id,
            "account_id": account.id,
            "desired": found.desired,
            "current": found.current,
            "target_ref": found.target_ref,
            "positions": positions,
            "since_ms": since_ms,
            "due_ms": due_ms,
            "risk_minor": found.risk_minor,
            "risk_currency": found.risk_currency,
            "mode": rule.mode,
            "team": rule.team,
            "rule_version": self._version,
            "segment": as_record(self._segment(account, rule, object_id)),
            **concern(account, rule.object, object_id),
        }
        account.own("intents")[rule.name, object_id] = intent
        out.intents.append((intent["id"], intent))
        if intent["state"] == SETTLING:
            heapq.heappush(self._timers, (due_ms, account.id))

    def _segment(self, account: Account, rule: Rule, object_id: str) -> Segment | None:
        """Where the object belongs, None where no mapping says."""
        if not self._segments.used:
            return None
        compared = COMPARED[rule.object]
        item = None if compared.whole else account.items.get((compared.kind, object_id))
        return self._segments.own(account) if item is None else self._segments.of(account, item)


def _alike(one: Values | None, other: Values | None) -> bool:
    """Whether a target shows the same; a row whose fields are all empty is as good as none."""
    return one == other or not (any((one or {}).values()) or any((other or {}).values()))


def satisfied(desired: Mapping[str, str], current: Mapping[str, str] | None) -> bool:
    """Whether the target shows what was desired; the order of lines means nothing."""
    if current is None:
        return False
    for name, value in desired.items():
        given = current.get(name)
        if given != value and (name != "lines" or given is None or _sorted(given) != _sorted(value)):
            return False
    return True


def correction_id(target: str, kind: str, object_id: str, desired: Values, positions: dict[str, int]) -> str:
    """Deterministic id: the same difference between the same rows is the same correction, whoever finds it when."""
    values = [f"{name}\x1e{value}" for name, value in sorted(desired.items())]
    newest = [f"{source}\x1e{position}" for source, position in sorted(positions.items())]
    return sha256("\x1f".join([target, kind, object_id, *values, *newest]).encode()).hexdigest()[:32]


def _sorted(lines: str) -> list[list[tuple[str, str]]]:
    return sorted(sorted(line.items()) for line in json.loads(lines))
