"""What of a touched account goes out: its dirty objects, the account itself, its entitlement if that changed."""

from __future__ import annotations

import heapq

from state.comparing.intents import Intents
from state.folding.account import Account
from state.folding.entitlement import Entitled, entitled
from state.folding.revenue import Revenue
from state.folding.segments import as_record
from state.folding.tally import Item
from state.folding.tenure import Tenures
from state.model import Model
from state.output import Output
from state.rules import Rules
from state.viewing.account_view import View
from state.viewing.flags import flags
from state.viewing.objects import RENDERERS
from state.viewing.problems import Problems
from state.viewing.prorated_lines import ProratedLines
from state.viewing.service_clock import Passed, ServiceClocks, keeps_clocks

#: rendered with every change of the account, not as one of its objects
_ALWAYS = ("account", "entitlement")


class Publication:
    """Renders touched accounts; `timers` is the shard's heap of (time, account)."""

    def __init__(self, model: Model, rules: Rules, timers: list[tuple[int, str]], changes: bool = True) -> None:
        """`changes`: events are told, too."""
        self._view = View(model.folded, rules.features)
        self._tiers = rules.tiers
        self._timers = timers
        self.intents = Intents(model, rules, timers)
        self.revenue = Revenue(model, changes)
        self.tenures = Tenures(model.folded, rules.tiers)
        self._problems = Problems(model, rules)
        self._prorated = ProratedLines(model, rules.proration)
        self._segments = self._view.segments
        self._clocks = ServiceClocks(rules.resolve_within_ms, timers)
        self._keeps_clocks = keeps_clocks(model, rules.resolve_within_ms)

    def adopt(self, account: Account, clock_ms: int) -> None:
        """After a restore: remember what the last cut showed, so that only changes go out."""
        now = self.tenures.adopt(account, entitled(account, self._tiers, clock_ms), clock_ms)
        account.shown = now
        if account.clocks and self._keeps_clocks:
            self._clocks.update(account, now.tier, clock_ms)
            account.dirty.clear()
        for item in account.items.values():
            item.published = item.kind not in _ALWAYS  # as it is where no restart came between
        self._schedule(account, now)
        self.revenue.adopt(account)
        if self._segments.used:
            self._segments.adopt(account)
        wrong = list(self._prorated.check(account, account.items)) if self._prorated.used else []
        self._problems.adopt(account, self._clocks.passed(account, clock_ms), wrong)
        self.intents.adopt(account)

    def publish(self, account: Account, now: Entitled, clock_ms: int, out: Output) -> bool:
        """Add the account's records; False if it has no rows any more and can be forgotten."""
        records, name = out.records, account.id
        now = self.tenures.look(account, now, clock_ms, out)
        self.revenue.catch_up(account, clock_ms, out)
        passed: list[Passed] = []
        if (account.clocks or account.deadlines) and self._keeps_clocks:
            self._clocks.update(account, now.tier, clock_ms)
            passed = self._clocks.passed(account, clock_ms)
        if self._segments.used:
            self._segments.spread(account, clock_ms)
        if self._prorated.used and account.trails:
            self._prorated.touch(account)
        dirty, account.dirty, account.touched_ms = account.dirty, {}, 0
        items = account.items
        flagged = self._objects(account, dirty, out)
        alive, merged = bool(account.rows), account.merged_into is not None
        shown = alive or merged
        news = now is not account.shown and now != account.shown
        known = shown or account.shown is not None
        if known and (account.changed or news):
            records.append(("account", name, name, self._view.account(account, now) if shown else None))
            account.changed = False
        entitlement = known and (news or ("entitlement", name) in dirty or merged or not alive)
        if entitlement:
            account.shown = now if shown else None
            own = alive and not merged
            records.append(("entitlement", name, name, self._view.entitlement(account, now) if own else None))
        self._schedule(account, now)
        for kind in _ALWAYS:
            if (kind, name) in dirty and (item := items.get((kind, name))) and not item.empty and flags(account, item):
                flagged.append(item)
        wrong = list(self._prorated.check(account, dirty)) if self._prorated.used and account.trails else []
        if flagged or account.faults or account.exceptions or account.illegal or passed or wrong:
            self._problems.compare(account, dirty, flagged, out, passed, wrong)
        self.intents.compare(account, now, entitlement, dirty, clock_ms, out)
        return shown or bool(account.faults)

    def _objects(self, account: Account, dirty: dict[tuple[str, str], int], out: Output) -> list[Item]:
        """The records of touched objects; returns those with flags."""
        records, name, items = out.records, account.id, account.items
        renderers, units, segments = RENDERERS, self._view.units, self._segments if self._segments.used else None
        flagged: list[Item] = []
        for key in dirty:
            kind, identity = key
            if kind in _ALWAYS:
                continue
            item = items.get(key)
            if item is None or item.empty:
                items.pop(key, None)
                if segments is not None:
                    segments.update(account, key, None)
                if item is None or item.published:  # what came and went within one release was never shown
                    out.ended.append((kind, identity, name, None))
                continue
            item.published = True
            record = renderers[kind](account, item, units)
            record["segment"] = None
            if segments is not None:
                segments.update(account, key, item)
                record["segment"] = as_record(segments.of(account, item))
            records.append((kind, identity, name, record))
            if record["flags"]:
                flagged.append(item)
        return flagged

    def _schedule(self, account: Account, now: Entitled) -> None:
        """Wake up when the entitlement ends by itself."""
        if now.until_ms is not None and now.until_ms != account.next_end_ms:
            account.next_end_ms = now.until_ms
            heapq.heappush(self._timers, (now.until_ms, account.id))
