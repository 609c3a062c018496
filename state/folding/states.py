"""Follows the states of rows: the steps they went through, and steps that must not be.

Only the state at the end of a transaction counts: what a transaction passes through was never committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from state.folding.account import Account
from state.folding.life import Life, Stamp, Step, life_of, stamp_of
from state.folding.notes import TOLD, TRAIL, Note, place_of, row_of
from state.model import TableSpec
from state.output import Output
from state.resolving.carried import Carried
from state.roles import ID, POSITION, TIME_MS, Fact, Ref
from state.rules import Rules
from state.sparse import NOTHING
from state.values import instant_from_us, instant_ms

ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
#: steps that are remembered of one row; of more the oldest are forgotten
STEPS_MAX = 100


class States:
    """Lives of all tables, and what was remembered of their rows before a restart."""

    def __init__(self, tables: tuple[TableSpec, ...], rules: Rules | None = None) -> None:
        """Without rules nothing is looked for: for those who only read rows back."""
        self._tables = tables
        self._rules = rules
        self.lives: list[Life | None] = [life_of(table, rules.transitions if rules else {}) for table in tables]
        #: place of the state in a table's facts, 0 without one, -1 where every change counts for the history
        self.followed = [0 if life is None or not rules else -1 if life.kept else life.state for life in self.lives]
        self._index = {table.topic: table.index for table in tables}
        self._trails: dict[str, dict[Ref, tuple[Step, ...]]] = {}
        self._illegal: dict[str, dict[str, dict[str, Any]]] = {}

    def load_trail(self, account: str, place: str, body: Any) -> None:
        """Restore the steps of one row."""
        topic, key = row_of(place)
        index = self._index.get(topic)
        if index is not None:
            self._trails.setdefault(account, {})[index, key] = tuple(Step(*step) for step in body)

    def load_illegal(self, record: dict[str, Any]) -> None:
        """Restore an open exception about an illegal step."""
        self._illegal.setdefault(record["account"], {})[record["id"]] = record

    def adopt(self, account: Account) -> None:
        """The account has just been decoded. What the rules of now allow, or know no more, is illegal no more."""
        owners = {own: ref for ref, own in account.stands.items()}
        trails = self._trails.pop(account.id, {})
        account.trails = {owners.get(ref, ref): steps for ref, steps in trails.items()} or NOTHING
        open_ones = self._illegal.pop(account.id, {})
        account.illegal = {name: one for name, one in open_ones.items() if self._still_illegal(one)} or NOTHING

    def _still_illegal(self, told: dict[str, Any]) -> bool:
        name = f"{told['id'].rpartition(':')[2]}.{told['object']}"
        before, after = (fact["state"] for fact in told["facts"])
        return any(not life.follows(before, after) for life in self.lives if life is not None and life.name == name)

    def changed(
        self, account: Account, ref: Ref, old: Fact, fact: Fact | None, out: Output | None, stamp: Stamp | None = None
    ) -> None:
        """A row changed from one fact to another, or is gone. Without `out` nothing is remembered of it.

        `stamp`: when a derived object did; its fact is as old as its newest row, whatever made the difference.
        """
        life = self.lives[ref[0]]
        if fact is None:
            account.drop("stepping", ref)
            if life is not None:
                self._close(account, self._name(account, life, old))
            self._forget(account, ref, out)
        if life is None or fact is None or self._rules is None:
            return
        if life.kept and out is not None:
            self._keep(account, life, ref, old, fact, out, stamp or stamp_of(fact))
        if old[life.state] != fact[life.state] and self._committed(account, life, ref, old, fact, stamp):
            account.own("stepping")[ref] = (stamp or stamp_of(fact)).position, old

    def _forget(self, account: Account, ref: Ref, out: Output | None) -> None:
        """A row is gone, or is another account's: so is what is noted of it."""
        noted = [kind for kind, notes in ((TRAIL, account.trails), (TOLD, account.noted)) if ref in notes]
        account.drop("trails", ref)
        account.drop("noted", ref)
        account.drop("brought", ref)
        if out is not None:
            out.notes += [Note(account.id, kind, self._place(account, ref), None) for kind in noted]

    def arrived(self, account: Account, ref: Ref, fact: Fact, carried: Carried, out: Output) -> None:
        """A row came from another account, and with it what was noted of it, or of the object that it stands for."""
        account.own("brought")[ref] = carried.told_ms, carried.notes.get(TOLD, {})
        life, trail = self.lives[ref[0]], tuple(Step(*step) for step in carried.notes.get(TRAIL, ()))
        if not trail or ref in account.trails:
            return
        if life is not None and life.kept:
            new = life.step(fact, trail)
            if new.position > trail[-1].position and new[:2] != trail[-1][:2]:
                trail = (*trail, new)
            self._reopen(account, life, ref, fact, trail)
        account.own("trails")[ref] = trail
        out.notes.append(self._note(account, ref, trail))

    def made(self, account: Account, ref: Ref, fact: Fact) -> None:
        """A derived object is there: what came with the row that stands for it is its own."""
        own, life = account.stands.get(ref), self.lives[ref[0]]
        if own is None or life is None or (trail := account.trails.get(own)) is None:
            return
        account.drop("trails", own)
        account.own("trails")[ref] = trail
        self._reopen(account, life, ref, fact, trail)

    def _reopen(self, account: Account, life: Life, ref: Ref, fact: Fact, trail: Sequence[Step]) -> None:
        """Of an object that comes with a history: whether its newest step is one that must not be."""
        measure = trail[0]
        for step in trail[1:]:
            if life.follows(measure.state, step.state):
                measure = step
        if measure is trail[-1] or measure.state == trail[-1].state:
            return
        legal, now = (
            {
                **self._shown(ref, fact, life),
                "state": one.state,
                "position": one.position,
                "time_ms": instant_ms(one.at) or 0,
            }
            for one in (measure, trail[-1])
        )
        name = self._name(account, life, fact)
        account.own("illegal")[name] = self._record(account, life, name, legal, now)

    def _committed(self, account: Account, life: Life, ref: Ref, old: Fact, fact: Fact, stamp: Stamp | None) -> bool:
        """Whether the state before was committed, and not only passed through on the way from one that is known."""
        begun = account.stepping.get(ref)
        if begun is not None:
            if begun[0] == (stamp or stamp_of(fact)).position:
                return False
            self._judge(account, life, ref, begun[1], old)  # the transaction before is over
        elif stamp is None and old[POSITION] == fact[POSITION]:  # a derived object is made at the ends of transactions
            item = account.items.get((life.name.partition(".")[2], fact[ID]))
            return item is not None and item.published
        return True

    def judge(self, account: Account) -> None:
        """Before a cut is published: look at the steps that are not judged yet."""
        for ref, (_, before) in account.stepping.items():
            life, now = self.lives[ref[0]], account.rows.get(ref)
            if life is not None and now is not None:
                self._judge(account, life, ref, before, now)
        account.stepping = NOTHING

    def _keep(self, account: Account, life: Life, ref: Ref, old: Fact, fact: Fact, out: Output, stamp: Stamp) -> None:
        known = account.trails.get(ref)
        steps = list(known or (life.step(old),))
        if stamp.whole and stamp.position < steps[-1].position:  # gone through already, before the row came here
            return
        if stamp.whole and steps[-1].position == stamp.position:  # the same transaction: only its end counts
            steps.pop()
            if not steps:  # which the row itself says
                return
        new = life.step(fact, steps, stamp)
        if steps[-1][:2] != new[:2]:
            steps.append(new)
        elif new.dated:
            steps[-1] = steps[-1]._replace(at=new.at, dated=True)
        found = tuple(steps[-STEPS_MAX:])
        if found != known:
            account.own("trails")[ref] = found
            out.notes.append(self._note(account, ref, found))

    def _note(self, account: Account, ref: Ref, steps: tuple[Step, ...] | None) -> Note:
        return Note(account.id, TRAIL, self._place(account, ref), steps)

    def _place(self, account: Account, ref: Ref) -> str:
        """Where something is noted: under the row, or under the row that stands for a derived object."""
        table, key = account.stands.get(ref, ref)
        return place_of(self._tables[table].topic, key)

    def _judge(self, account: Account, life: Life, ref: Ref, before: Fact, now: Fact) -> None:
        """Against the last legal state: it stays the measure until a state comes that it may be followed by."""
        name = self._name(account, life, now)
        told = account.illegal.get(name)
        legal = told["facts"][0] if told else self._shown(ref, before, life)
        if life.follows(legal["state"], now[life.state]):
            self._close(account, name)
            return
        account.own("illegal")[name] = self._record(account, life, name, legal, self._shown(ref, now, life))

    @staticmethod
    def _close(account: Account, name: str) -> None:
        account.drop("illegal", name)

    @staticmethod
    def _name(account: Account, life: Life, fact: Fact) -> str:
        system, _, kind = life.name.partition(".")
        return f"{ILLEGAL_TRANSITION}:{account.id}:{kind}:{fact[ID]}:{system}"

    def _shown(self, ref: Ref, fact: Fact, life: Life) -> dict[str, Any]:
        """One of the two facts that contradict one another."""
        return {
            "topic": self._tables[ref[0]].topic,
            "row": ref[1],
            "state": fact[life.state],
            "position": fact[POSITION],
            "time_ms": fact[TIME_MS],
            "object_id": fact[ID],
        }

    def _record(
        self, account: Account, life: Life, name: str, legal: dict[str, Any], now: dict[str, Any]
    ) -> dict[str, Any]:
        system, _, kind = life.name.partition(".")
        allowed = ", ".join(sorted(life.legal[legal["state"]])) or "nothing"
        text = (
            f"{kind} {now['object_id']} of {system} was {_at(legal)}, and then {_at(now)}; {legal['state']} may be followed "
            f"by {allowed}. The view shows {now['state']}, as its owner says. Next step: correct it in {system}, or allow "
            f"the step under transitions in ownership.yaml"
        )
        currency = account.currency.get("billing")
        total = account.totals.get(currency) if currency else None
        return {
            "id": name,
            "kind": ILLEGAL_TRANSITION,
            "account": account.id,
            "object": kind,
            "object_id": now["object_id"],
            "text": text,
            "team": self._rules.team_of(kind) if self._rules else "",
            "since_ms": now["time_ms"],
            "risk_minor": None if currency is None else total.open if total else 0,
            "risk_currency": currency,
            "facts": [{field: value for field, value in one.items() if field != "object_id"} for one in (legal, now)],
        }


def _at(fact: dict[str, Any]) -> str:
    at = instant_from_us(fact["time_ms"] * 1000)
    return f"{fact['state']} (row {fact['row']} of {fact['topic']} at position {fact['position']}, committed {at})"
