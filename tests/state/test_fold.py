"""Folding by generated histories: order, increments, restarts, contracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.avro.reader import compile_reader
from connectors.avro.writer import compile_writer
from state.output import Output
from state.row import Change
from state.shard import Shard
from tests.state.beside import Beside
from tests.state.company import ACCOUNT, DEFAULTS, Image, drop, everything, image, put, release, shard, transaction

AVRO = Path(__file__).resolve().parents[2] / "avro"
KEYS = (1, 2, 3)
CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    "billing.accounts": {
        "standing": ("good", "delinquent", "odd"),
        "currency": ("EUR", "JPY", "KWD"),
        "balance_minor": (0, 5),
    },
    "billing.subscriptions": {
        "status": ("active", "trial", "cancelled", "paused"),
        "plan_code": ("basic", "enterprise", "gold"),
    },
    "billing.usage": {"subscription_id": KEYS, "quantity": ("1", "1.00", None)},
    "billing.invoices": {
        "status": ("draft", "open", "paid", "void", "odd"),
        "total_minor": (0, 500, 10000),
        "number": ("INV-1", "INV-2", "INV-3"),
    },
    "billing.invoice_lines": {"invoice_id": KEYS, "amount_minor": (1, 500, 10000)},
    "billing.payments": {
        "invoice_id": KEYS,
        "status": ("pending", "succeeded", "failed"),
        "amount_minor": (100, 10000),
    },
    "billing.payment_allocations": {"payment_id": KEYS, "invoice_id": KEYS, "amount_minor": (-100, 60, 4000)},
    "billing.refunds": {"payment_id": KEYS, "invoice_id": (None, None, 1, 2)},
    "billing.credits": {"amount_minor": (1, 500)},
    "erp.customers": {"currency": ("EUR", "JPY")},
    "erp.sales_invoices": {"state": ("draft", "posted", "paid"), "total": ("5.000", "500", "0.5")},
    "erp.sales_invoice_lines": {"sales_invoice_id": KEYS, "amount": ("5", "100.000", "0.005")},
    "erp.receipts": {"sales_invoice_id": KEYS},
    "erp.credit_notes": {"amount": ("5.000", "0.010")},
    "support.organizations": {"service_level": ("none", "premium", "vip"), "delinquent": (True, False)},
    "support.cases": {"status": ("open", "pending", "resolved", "lost")},
    "support.case_events": {"case_id": KEYS},
}
SINGLE = ("billing.accounts", "erp.customers", "support.organizations")


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, int, Image | None]:
    """(table, key, columns); None retires the row."""
    name = draw(st.sampled_from(sorted(DEFAULTS)))
    key = 1 if name in SINGLE else draw(st.sampled_from(KEYS))
    if draw(st.integers(0, 5)) == 0:
        return name, key, None
    return name, key, {column: draw(st.sampled_from(values)) for column, values in CHOICES[name].items()}


HISTORIES = st.lists(changes(), min_size=1, max_size=40)


def as_change(name: str, key: int, columns: Image | None) -> Change:
    """A step of a history."""
    return drop(name, key) if columns is None else put(name, key, **columns)


def live_rows(history: list[tuple[str, int, Image | None]]) -> dict[tuple[str, int], tuple[int, Image]]:
    """What the sources hold at the end: (table, key) -> (position, columns)."""
    rows: dict[tuple[str, int], tuple[int, Image]] = {}
    for number, (name, key, columns) in enumerate(history):
        if columns is None:
            rows.pop((name, key), None)
        else:
            rows[name, key] = (1000 + number, columns)
    return rows


def folded(history: list[tuple[str, int, Image | None]], beside: Beside | None = None) -> Shard:
    """A shard that followed the history, a transaction a step; `beside` gets what is stored besides the rows."""
    target = shard()
    for number, step in enumerate(history):
        out = target.apply(release(1000 + number, transaction(1000 + number, as_change(*step))))
        if beside is not None:
            beside.take(out)
    return target


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_running_totals_equal_a_fresh_derivation(history: list[tuple[str, int, Image | None]]) -> None:
    """After any history the view is that of a shard restored from the live rows and the notes: no other trace is left."""
    restored, beside = shard(), Beside()
    followed = folded(history, beside)
    beside.load(restored)
    for (name, key), (position, columns) in live_rows(history).items():
        change = put(name, key, **columns)
        restored.load(ACCOUNT, change.table, change.key, position, position, change.frame)
    expected = {key: record for key, record in everything(restored).items() if record is not None}
    found = {key: record for key, record in everything(followed).items() if record is not None}
    assert found == expected


@settings(max_examples=100, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_order_of_independent_rows_does_not_matter(history: list[tuple[str, int, Image | None]], random: Any) -> None:
    """Rows that came in any order, children before their parents, give the same account."""
    rows = list(live_rows(history).items())
    views = []
    for _ in range(2):
        target = shard()
        for (name, key), (position, columns) in rows:
            target.apply(release(9000, transaction(position, put(name, key, **columns))))
        view = everything(target)
        if (found := view.get(("entitlement", ACCOUNT))) is not None:  # since when, is what was known first
            found |= {"since": None, "since_reason": ""}
        views.append(view)
        random.shuffle(rows)
    assert views[0] == views[1]


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_totals_equal_sums_over_the_rows(history: list[tuple[str, int, Image | None]]) -> None:
    """The published totals are those that plain sums over billing's rows give."""
    rows = {key: image(*key, **columns) for key, (_, columns) in live_rows(history).items()}
    record = everything(folded(history)).get(("account", ACCOUNT))
    if record is None or ("billing.accounts", 1) not in rows:
        return

    def of(name: str) -> list[Image]:
        return [row for (table, _), row in rows.items() if table == name]

    billed = sum(r["total_minor"] for r in of("billing.invoices") if r["status"] in ("open", "paid"))
    paid = sum(r["amount_minor"] for r in of("billing.payments") if r["status"] == "succeeded")
    refunded = sum(r["amount_minor"] for r in of("billing.refunds"))
    credited = sum(r["amount_minor"] for r in of("billing.credits"))
    totals = record["totals"].get(record["currency"]) or dict.fromkeys(
        ("billed_minor", "paid_minor", "refunded_minor", "credited_minor", "balance_minor", "mrr_minor"), 0
    )
    assert (totals["billed_minor"], totals["paid_minor"]) == (billed, paid)
    assert (totals["refunded_minor"], totals["credited_minor"]) == (refunded, credited)
    assert totals["balance_minor"] == billed - paid + refunded - credited
    assert totals["mrr_minor"] == sum(r["mrr_minor"] for r in of("billing.subscriptions") if r["status"] == "active")
    assert (record["invoices"], record["usages"]) == (len(of("billing.invoices")), len(of("billing.usage")))
    assert record["cases_open"] == sum(r["status"] in ("open", "pending") for r in of("support.cases"))


@cache
def codec(name: str) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """Writer and reader of a published contract."""
    schema = json.loads((AVRO / f"{name}.avsc").read_text())
    return compile_writer(schema, b"\0\0\0\0\1"), compile_reader(schema)


#: the support system's row is gone before the currency is known, by which everything is derived anew
GONE_BEFORE_ITS_CURRENCY: list[tuple[str, int, Image | None]] = [
    ("billing.credits", 1, {"amount_minor": 1}),
    ("support.organizations", 1, {"service_level": "none", "delinquent": True}),
    ("support.organizations", 1, None),
    ("erp.customers", 1, {"currency": "EUR"}),
]


@settings(max_examples=100, deadline=None)
@given(HISTORIES, st.integers(0, 39))
@example(GONE_BEFORE_ITS_CURRENCY, 2)
def test_a_restart_changes_nothing_that_follows(history: list[tuple[str, int, Image | None]], stop: int) -> None:
    """Restored from stored rows, notes, what is open and the clock, a shard publishes exactly what the old one would have.

    Every record fits its contract and comes back from its bytes as it was.
    """
    stop = min(stop, len(history))
    beside, new = Beside(), shard()
    old = folded(history[:stop], beside)
    beside.load(new)
    for (name, key), (position, columns) in live_rows(history[:stop]).items():
        change = put(name, key, **columns)
        new.load(ACCOUNT, change.table, change.key, position, position, change.frame)
    new.load_clock(1000 + stop - 1 if stop else 0)
    for account in list(old.accounts()):
        for intent in account.intents.values():
            new.load_intent(intent)
    for number, step in enumerate(history[stop:]):
        clock = 1000 + stop + number * 3000
        move = release(clock, transaction(1000 + stop + number, as_change(*step), time_ms=clock))
        ours, theirs = old.apply(move), new.apply(move)
        assert (ours.records, ours.intents, ours.exceptions) == (theirs.records, theirs.intents, theirs.exceptions)
        assert ours.notes == theirs.notes
        for name, record in published(ours):
            write, read = codec(name)
            assert read(write(record)) == record


def published(out: Output) -> list[tuple[str, Image]]:
    """(contract, record) of everything that goes out with a value."""
    found = [(kind, record) for kind, _, _, record in out.records if record is not None]
    found += [("intent", intent) for _, intent in out.intents if intent is not None]
    return found + [("exception", problem) for _, problem in out.exceptions if problem is not None]
