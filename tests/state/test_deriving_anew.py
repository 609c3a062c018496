"""Deriving anew from the stored rows says what was published, and under another mapping exactly what that changes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from state.model import Model
from state.notes import Note
from state.output import Output
from state.rederivation import Derived, Opened, StoredRow, derive, same_exception
from state.row import Change
from state.rules import Rules
from tests.state.company import ACCOUNT, DEFAULTS, at, drop, put, shard

Image = dict[str, Any]
NAMES = sorted(DEFAULTS)
#: what a row may say instead of its default: other words, unknown ones, values that cannot be used
ODD: dict[str, list[Image]] = {
    "billing.accounts": [{"standing": "delinquent"}, {"currency": "JPY"}, {"balance_minor": "x"}],
    "billing.subscriptions": [{"status": "cancelled"}, {"plan_code": "gold"}, {"mrr_minor": 1.5}],
    "billing.invoices": [{"status": "paid"}, {"status": "odd"}, {"total_minor": 7}, {"total_minor": []}],
    "billing.invoice_lines": [{"invoice_id": 2}, {"amount_minor": 3}],
    "billing.payments": [{"status": "failed"}, {"invoice_id": 2}],
    "erp.sales_invoices": [{"state": "draft"}, {"total": "99.000"}, {"total": "1.2345"}, {"reference": "INV-2"}],
    "erp.customers": [{"currency": "USD"}],
    "support.organizations": [{"service_level": "none"}, {"delinquent": True}],
    "support.cases": [{"status": "closed"}, {"status": "odd"}],
}


class Kept:
    """A shard, what a reader of its topics has, and what `concord.facts` holds."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.shard = shard()
        self.rows: dict[tuple[int, str], StoredRow] = {}
        self.records: dict[tuple[str, str], Image] = {}
        self.intents: dict[str, Image] = {}
        self.exceptions: dict[str, Image] = {}
        self.notes: dict[tuple[str, str], Note] = {}
        self.clock_ms = 1000

    def act(self, change: Change, after_ms: int) -> None:
        """One transaction with one change."""
        self.clock_ms += after_ms
        out = at(self.shard, self.clock_ms, change)
        ref = change.table, change.key
        if change.op == "d":
            self.rows.pop(ref, None)
        else:
            frame = out.facts_override.get(ref, change.frame)
            self.rows[ref] = StoredRow(*ref, self.clock_ms, self.clock_ms, frame)
        for kind, key, _, body in out.records:
            if kind != "change":
                _take(self.records, (kind, key), body)
        for name, body in out.intents:
            _take(self.intents, name, body)
        for name, body in out.exceptions:
            _take(self.exceptions, name, body)
        for note in out.notes:
            self.notes[note.kind, note.place] = note

    def derive(self, of: Model | None = None, by: Rules | None = None) -> Derived:
        """The account derived anew, with what is open."""
        open_intents = [intent for intent in self.intents.values() if intent["state"] in ("settling", "wanted")]
        accounts = {ACCOUNT: list(self.rows.values())} if self.rows else {}
        notes = {ACCOUNT: [note for note in self.notes.values() if note.body is not None]}
        told = {ACCOUNT: list(self.exceptions.values())}
        opened = Opened({ACCOUNT: open_intents}, told, notes)
        for derived in derive(lambda: shard(of=of, by=by), accounts, opened, self.clock_ms):
            return derived
        return Derived(Output(), [])


def _take(into: dict[Any, Image], key: Any, body: Image | None) -> None:
    into.pop(key, None)
    if body is not None:
        into[key] = body


def said(out: Output) -> dict[tuple[str, str], Image]:
    """The records by object, without the positions that an entitlement is not published anew for."""
    return {(kind, key): plain(kind, body) for kind, key, _, body in out.records if body is not None}


def plain(kind: str, body: Image) -> Image:
    """As `said`."""
    return {name: value for name, value in body.items() if kind != "entitlement" or name != "positions"}


@st.composite
def acts(draw: st.DrawFn) -> tuple[Change, int]:
    """One change of the account's rows, some time after the one before."""
    name = draw(st.sampled_from(NAMES))
    key = draw(st.sampled_from((1, 1, 2)))
    after_ms = draw(st.sampled_from((1, 500, 5000)))
    if draw(st.integers(0, 5)) == 0:
        return drop(name, key), after_ms
    return put(name, key, **draw(st.sampled_from([{}, *ODD.get(name, [])]))), after_ms


@settings(max_examples=150, deadline=None)
@given(st.lists(acts(), min_size=1, max_size=25))
def test_the_same_mapping_says_what_was_published(history: list[tuple[Change, int]]) -> None:
    """Whatever came in whatever order: nothing differs. Seen to fail without the intents that were open, and with a
    derivation at another clock."""
    kept = Kept()
    for change, after_ms in history:
        kept.act(change, after_ms)
    derived = kept.derive()
    assert said(derived.output) == {place: plain(place[0], body) for place, body in kept.records.items()}
    assert derived.output.intents == []
    found = {name: body for name, body in derived.output.exceptions if body is not None}
    assert found.keys() == kept.exceptions.keys()
    assert all(same_exception(kept.exceptions[name], body) for name, body in found.items())
