"""The whole pure path: whatever the order, the repeats and the batches, the canonical log is the same to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mappings.loading import load_model
from state.model import Model
from state.process import State, process
from state.resolving.identity import Identity
from state.row import End, Row
from state.rules import Rules
from state.sequencer import Sequencer
from state.shard import Shard
from state.step import Batch, Position
from tests.state.histories import History, decode
from tests.state.streams import Streams, interleaved, repeat_tail

ROOT = Path(__file__).resolve().parents[2]
MODEL = load_model(ROOT / "debezium", ("billing",))
SHARDS = 2


def new_state(model: Model, streams: Streams) -> State:
    """A path that publishes after every transaction; every source counts as live."""
    rules = Rules(1, ("none", "standard", "premium", "enterprise"), "finance", ())
    sequencer = Sequencer(model, Identity(model.tables), SHARDS, Position(live=True), streams.last_commit)
    return State(sequencer, lambda number: Shard(model, decode, rules, coalesce=False))


def run(streams: Streams, items: list[Row | End], rng: Random) -> tuple[dict[int, list[bytes]], dict[str, int]]:
    """Canonical log per shard, each record as its bytes, and the counts."""
    state = new_state(MODEL, streams)
    logs: dict[int, list[bytes]] = {number: [] for number in range(SHARDS)}
    while items:
        n = rng.randint(1, len(items))
        part, items = items[:n], items[n:]
        rows = [i for i in part if not isinstance(i, End)]
        ends: list[tuple[int, End | int]] = [(0, i) for i in part if isinstance(i, End)]
        for number, output in process(Batch(rows, ends, [], []), state).shards.items():
            logs[number] += [json.dumps(record, sort_keys=True).encode() for record in output.records]
    return logs, state.sequencer.counts


def latest(log: list[bytes]) -> dict[tuple[str, str], Any]:
    """The final state that a reader of the log has."""
    seen: dict[tuple[str, str], Any] = {}
    for entry in log:
        name, key, _account, body = json.loads(entry)
        if name != "change":
            seen[name, key] = body
    return seen


@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(0, 10_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_canonical_log_does_not_depend_on_order_repeats_or_batches(
    seed: int, transactions: int, other: int, repeated: bool
) -> None:
    """Promises 1 to 3: the log of any arrival equals that of the commit order, to the byte; the counts balance.

    Planted break, seen to fail: releasing a transaction with one row missing (state/aligning/alignment.py).
    """
    straight = History(MODEL, seed).write(transactions)
    in_order: list[Row | End] = [*(row for rows in straight.rows.values() for row in rows), *straight.ends]
    expected, _ = run(straight, in_order, Random(0))
    streams, rng = History(MODEL, seed).write(transactions), Random(other)
    if repeated:
        repeat_tail(streams, rng)
    logs, counts = run(streams, interleaved(streams, rng), rng)
    assert logs == expected
    assert counts["billing.in"] == counts.get("billing.applied", 0) + counts.get("billing.ignored", 0)


@given(st.integers(0, 10_000), st.integers(2, 25))
@settings(max_examples=60, deadline=None)
def test_no_published_account_contradicts_the_rows_of_its_cut(seed: int, transactions: int) -> None:
    """Promise 1: at every record, what billing reports equals what its rows add up to, and invoices equal their lines.

    Planted break, seen to fail: releasing a transaction with one row missing (state/aligning/alignment.py).
    """
    streams = History(MODEL, seed).write(transactions)
    logs, _ = run(streams, interleaved(streams, Random(seed)), Random(seed))
    checked = 0
    for entry in (json.loads(entry) for log in logs.values() for entry in log):
        name, _key, _account, body = entry
        if name == "account" and body is not None:
            derived = sum(total["balance_minor"] for total in body["totals"].values())
            assert derived == body["reported_balance_minor"], body
            checked += 1
        if name == "invoice" and body is not None:
            assert body["total_minor"] == body["line_sum_minor"], body
    assert checked >= sum(bool(rows) for _, rows in streams.commits)
