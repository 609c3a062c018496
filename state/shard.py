"""A shard: the accounts of one output partition. Releases in, records out; a change costs what it touches.

After a restart rows are loaded as bytes; an account is decoded when it is first touched, or at once if a timer may wait
for it: what became due while nothing ran must fire before the clock of the next cut is stored.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

from state.accounts import Accounts, StoredRow
from state.ended import Ended
from state.folding import changes as change_event
from state.folding.account import Account
from state.folding.entitlement import entitled
from state.folding.fold import refold
from state.folding.milestones import ZONES_MS, Milestones
from state.folding.notes import MERGED, REVENUE, TENURE, TOLD, TRAIL, Note
from state.folding.rows import Decode, Reencode, Rows
from state.folding.states import ILLEGAL_TRANSITION, States
from state.folding.waking import Sleepers
from state.model import Model
from state.output import Output
from state.publication import Publication
from state.resolving.moves import settling
from state.row import Change, Release, Transaction
from state.rules import Rules
from state.sparse import NOTHING
from state.viewing.service_clock import keeps_clocks


class Shard:
    """State of one output partition. `coalesce=False` publishes after every transaction instead of once per release."""

    def __init__(
        self,
        model: Model,
        decode: Decode,
        rules: Rules,
        *,
        reencode: Reencode | None = None,
        mapped: Decode | None = None,
        coalesce: bool = True,
        changes: bool = True,
        hot_max: int | None = None,
    ) -> None:
        """`decode(table, frame)` gives the whole row image, `reencode(frame, row)` the frame of a merged image.

        `mapped(table, frame)` is a cheaper `decode` that may leave out columns that no mapping uses. Beyond `hot_max`
        accounts those that are longest untouched are kept as bytes (None: never).
        """
        self._model = model
        self._rules = rules
        self._states = States(model.folded, rules)
        clocks = keeps_clocks(model, rules.resolve_within_ms)
        self._rows = Rows(model, decode, reencode, mapped, clocks, self._states, rules.renewal_days)
        self._coalesce = coalesce
        self._changes = changes
        self._derives = bool(model.derivations)
        self._accounts, self._sleepers = Accounts(model, hot_max, self._adopt), Sleepers()
        self._timed, self._unsettled = dict[str, None](), dict[str, None]()
        self._timers: list[tuple[int, str]] = []
        self._ended, self._clock_ms = Ended(), 0
        self._milestones = Milestones(model, rules.renewal_days, self._timers)
        self._publication = Publication(model, rules, self._timers, changes)

    def load(self, account: str, table: int, key: str, position: int, time_ms: int, frame: bytes) -> None:
        """Restore one stored row; it is decoded when its account is first touched."""
        self._accounts.load(account, (table, key, position, time_ms, frame))
        ends, milestones = self._rows.waking.look(table, frame, time_ms)
        if ends:
            self._timed[account] = None
        if milestones:
            self._sleepers.enter(account, milestones)

    def load_clock(self, clock_ms: int) -> None:
        """Restore the clock of the last cut: timers up to it have fired."""
        self._clock_ms = clock_ms

    def load_intent(self, intent: dict[str, Any]) -> None:
        """Restore an intent that was settling or wanted."""
        self._publication.intents.load(intent)

    def load_exception(self, record: dict[str, Any]) -> None:
        """Restore an exception that is open; those that the rows themselves say are found again without it."""
        if record["kind"] == ILLEGAL_TRANSITION:
            self._states.load_illegal(record)

    def load_note(self, note: Note) -> None:
        """Restore what no row says."""
        if note.kind == TOLD:
            self._milestones.load(note.account, note.place, note.body)
        if note.kind == TRAIL:
            self._states.load_trail(note.account, note.place, note.body)
        elif note.kind == TENURE:
            self._publication.tenures.load(note.account, note.body)
        elif note.kind == REVENUE:
            self._publication.revenue.load(note.account, note.body)
        elif note.kind == MERGED:
            self._accounts.load_merged(note.account, note.body["into"])

    def apply(self, release: Release, out: Output | None = None) -> Output:
        """Apply whole transactions in commit order, fire the timers that are due, and say what to publish, in `out` if given."""
        out, live, touched = out or Output(), release.live, dict[str, Account]()
        for name in self._timed:
            if self._accounts.stored(name):
                self._accounts.of(name)
        self._timed.clear()
        settles = settling(release.transactions) if self._derives else ()
        for number, transaction in enumerate(release.transactions):
            changed = self._transaction(transaction, out, touched, live, not settles or settles[number])
            if live and not self._coalesce:
                self._publish(touched.values(), transaction.time_ms, out)
                touched = {}
            out.records.extend(changed)
        for merged in release.merged:
            account = touched[merged.account] = self._accounts.of(merged.account)
            account.merged_into, account.changed = merged.into, True
            body = None if merged.into is None else {"into": merged.into, "direct": merged.direct}
            out.notes.append(Note(merged.account, MERGED, merged.account, body))
        if release.went_live:
            for account in self._accounts.all():
                account.show_all()
            touched = dict(self._accounts.hot)
        if not live:
            for account in touched.values():
                account.dirty.clear()
                account.touched_ms = 0
            self._accounts.rest()
            return out
        clock_ms = max(self._clock_ms, release.clock_ms)
        if release.whole:
            self._wake(clock_ms)
            self._clock_ms = clock_ms
            self._fire(touched)
            self._ended.show_again(self._accounts, touched)
        self._publish(touched.values(), clock_ms, out)
        self._ended.note(release, out, touched)
        self._accounts.rest()
        return out

    @property
    def busy(self) -> Iterable[str]:
        """Ids of the accounts that are objects now, longest untouched first."""
        return self._accounts.hot

    def accounts(self) -> Iterator[Account]:
        """Every account, decoding what is not yet."""
        return self._accounts.all()

    def _transaction(
        self, transaction: Transaction, out: Output, touched: dict[str, Account], live: bool, whole: bool
    ) -> list[tuple[str, str, str, dict[str, Any] | None]]:
        """Fold one whole transaction; returns its change events. Until a move is `whole`, derived objects stay as they are."""
        entries: dict[str, list[dict[str, Any]]] = {}
        accounts, apply, tells = self._accounts.hot, self._rows.apply, live and self._changes
        for change in transaction.changes:
            if change[2] == "T":
                self._truncate(change, transaction, out, touched)
                continue
            name = change[0]
            account = accounts.get(name) or self._accounts.of(name)
            touched[name] = account
            entry = apply(account, change, transaction, out)
            if entry is not None and tells:
                entries.setdefault(name, []).append(entry)
        if self._derives and live:
            self._unsettled |= dict.fromkeys(change[0] for change in transaction.changes if change[2] != "T")
            names, self._unsettled = (self._unsettled, {}) if whole else ({}, self._unsettled)
            for name in names:
                made = self._settle(accounts[name], self._clock_ms, out, transaction)
                if made and self._changes:
                    entries.setdefault(name, []).extend(made)
        if self._milestones.used:
            for name in {change[0] for change in transaction.changes}:
                if (fresh := accounts.get(name)) is not None and fresh.fresh:
                    self._milestones.know(fresh)
        told = self._publication.revenue.follow(transaction, entries, accounts, out)
        return [("change", n, n, change_event.event(n, transaction, made)) for n, made in entries.items()] + told

    def _truncate(self, change: Change, transaction: Transaction, out: Output, touched: dict[str, Account]) -> None:
        """A truncated table retires every one of its rows."""
        table = change[1]
        for account in self._accounts.all():
            for ref in [ref for ref in account.rows if ref[0] == table]:
                gone, own = Change(account.id, table, "d", ref[1], b""), Output()
                self._rows.apply(account, gone, transaction, own)
                out.notes += own.notes
                touched[account.id] = account
        out.applied += 1

    def _adopt(self, account: Account, rows: list[StoredRow]) -> None:
        """Fold the rows of an account that is first touched after a restart; the last cut showed it as they make it."""
        for table, key, position, time_ms, frame in rows:
            self._rows.restore(account, (table, key), position, time_ms, frame)
        if account.stale:
            refold(account, self._model.folded)
        if self._derives:
            self._settle(account, self._clock_ms)
            account.changed = False
        account.dirty.clear()
        account.touched_ms = 0
        account.stepping = NOTHING
        self._states.adopt(account)
        self._publication.adopt(account, self._clock_ms)
        if account.terms:
            self._milestones.adopt(account, self._clock_ms)

    def _wake(self, clock_ms: int) -> None:
        """Decode accounts whose milestones may be due while the clock still is that of the last cut."""
        for name in self._sleepers.due(self._clock_ms - 2 * ZONES_MS, clock_ms):  # what is older was told, in any zone
            if self._accounts.stored(name):
                self._accounts.of(name)

    def _fire(self, touched: dict[str, Account]) -> None:
        """Accounts whose timers are due count as touched."""
        while self._timers and self._timers[0][0] <= self._clock_ms:
            _, name = heapq.heappop(self._timers)
            if name in self._accounts:
                touched[name] = self._accounts.of(name)

    def _settle(
        self, account: Account, clock_ms: int, out: Output | None = None, cause: Transaction | None = None
    ) -> list[dict[str, Any]]:
        """Bring derived objects up to date; returns their part of the change event."""
        entries = self._rows.deriver.settle(account, clock_ms, out, cause)
        if account.due and (due := min(account.due.values())) != account.next_due_ms:
            account.next_due_ms = due
            heapq.heappush(self._timers, (due, account.id))
        return entries

    def _publish(self, accounts: Any, clock_ms: int, out: Output) -> None:
        first = len(out.records)
        for account in accounts:
            if self._derives:
                self._settle(account, clock_ms, out)
            if account.stepping:
                self._states.judge(account)
            if account.terms or account.noted:
                self._milestones.fire(account, clock_ms, out, self._changes)
            account.brought = NOTHING
            now = entitled(account, self._rules.tiers, clock_ms)
            if not self._publication.publish(account, now, clock_ms, out):
                self._accounts.forget(account)
            else:
                self._accounts.touched(account)
        if out.ended:
            out.records[first:first], out.ended = out.ended, []
