"""Metrics keep their discipline, balance, and tell a standstill."""

from __future__ import annotations

import urllib.request

import pytest
from prometheus_client import Counter, Gauge

from connectors import metrics
from connectors.cut_metrics import CutMetrics, OpenRecords
from connectors.exposition import LABELS, counter
from tests.connectors.valkey import free_port


def test_labels_and_names_are_bounded() -> None:
    """No metric has a label that grows with accounts, keys or messages; a new one outside the rules is refused."""
    assert {label for one in metrics.CATALOGUE for label in one.labels} <= LABELS
    with pytest.raises(ValueError, match="LABELS"):
        counter("?", "concord_by_account", "grows for ever", "account")
    with pytest.raises(ValueError, match="lower_case"):
        counter("?", "Rows", "bad name")


def test_endpoint_is_on_loopback_and_shows_the_names() -> None:
    """One scrape shows every metric's name."""
    port = free_port()
    stop = metrics.serve(port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    finally:
        stop()
    assert all(f"# HELP {one.name}" in text for one in metrics.CATALOGUE)


def value(metric: Counter | Gauge, *labels: str) -> float:
    """Current value of a counter or gauge."""
    return metrics.samples(metric).get(labels, 0.0)


def test_row_counters_balance_after_a_restart() -> None:
    """Counters take what was counted since the start of this process; in = applied + ignored + parked + waiting."""
    watch = CutMetrics({"m1.in": 100, "m1.applied": 100})
    counts = {"m1.in": 110, "m1.applied": 104, "m1.ignored": 3, "m1.parked": 1}
    watch.observe({"m1": 7}, {"m1": 1_000}, counts)
    assert value(metrics.ROWS_IN, "m1") == 10
    assert value(metrics.ROWS_APPLIED, "m1") == 4
    assert value(metrics.ROWS_IGNORED, "m1") == 3
    assert value(metrics.ROWS_WAITING, "m1") == 2
    watch.observe({"m1": 8}, {"m1": 2_000}, counts | {"m1.applied": 106})
    assert value(metrics.ROWS_APPLIED, "m1") == 6
    assert value(metrics.ROWS_WAITING, "m1") == 0


def test_frontier_age_grows_while_nothing_is_published() -> None:
    """The age is that of the moment of the scrape, not of the last commit."""
    now = 10.0
    watch = CutMetrics({}, lambda: now)
    watch.observe({"m2": 7}, {"m2": 9_000}, {})
    assert value(metrics.FRONTIER_AGE_SECONDS, "m2") == pytest.approx(1.0)
    now = 70.0
    assert value(metrics.FRONTIER_AGE_SECONDS, "m2") == pytest.approx(61.0)


def test_open_records_are_counted_once() -> None:
    """An intent that goes from settling to wanted to seen is one open difference until it is seen."""
    watch = OpenRecords()
    intent = {"state": "settling", "target": "t3", "object": "invoice"}
    watch.intent("i", intent)
    watch.intent("i", intent | {"state": "wanted"})
    assert value(metrics.DIFFERENCES_OPEN, "t3", "invoice") == 1
    watch.intent("i", intent | {"state": "seen"})
    assert value(metrics.DIFFERENCES_OPEN, "t3", "invoice") == 0
    watch.exception("e", {"kind": "K3"})
    watch.exception("e", {"kind": "K3"})
    assert value(metrics.EXCEPTIONS_OPEN, "K3") == 1
    watch.exception("e", None)
    assert value(metrics.EXCEPTIONS_OPEN, "K3") == 0
