"""Concord and its peers on one job, one broker, the same topics, one after the other in one run; ratios to Concord."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psutil

from benchmarks.catchup import backlog, catchup
from benchmarks.flow import SOURCE_NAMES
from benchmarks.outcome import Reporter
from benchmarks.peers import versions
from benchmarks.peers.build import JOBS, PeerJars
from benchmarks.peers.run import Inputs, catchup_of
from benchmarks.shape import Shape
from dataflows.settings import Settings, stack_dir
from stack.layout import layout_from

CONCORD = "concord"
SYSTEMS = (*JOBS, CONCORD)
CONFIGURATIONS = {
    "flink": f"Flink SQL {versions.FLINK}, heap state, mini-batch, exactly-once sink, parallelism 2, checkpoints each second",
    "kstreams": f"Kafka Streams {versions.KAFKA_STREAMS}, exactly-once, no cache, RocksDB, 2 threads, commits each 100 ms",
    CONCORD: "canonical flow, exactly-once, a cut every 0.5 s of a backlog; publishes invoices, payments, subscriptions and cases as well",
}
#: bounds of a peer's run
START_S, SLOWEST_CHANGES_PER_S = 240.0, 1000.0


def compare(
    settings: Settings,
    changes: int,
    accounts: int,
    systems: list[str],
    processes: int,
    reporter: Reporter,
    rounds: int = 1,
) -> dict[str, Any]:
    """Run the systems in turn, every second round in reverse, for a machine's speed drifts; shown is each one's middle run.

    `right` is Concord's own verdict on all of its runs. Raises BenchmarkFailed, StackError.
    """
    jars = PeerJars(layout_from().jars)
    jars.only(systems)
    if set(systems) & set(JOBS):
        reporter.step("jars of the peers", len(jars.jars))
        jars.ensure()
    shape = Shape(changes, accounts)
    dataset, _ = backlog(settings, shape, reporter)
    inputs = Inputs(settings, dataset, SOURCE_NAMES, (stack_dir() / "bench").resolve())
    runs: dict[str, list[dict[str, Any]]] = {system: [] for system in systems}
    right = True
    for system in in_turn(systems, rounds):
        if system == CONCORD:
            own = catchup(settings, shape, processes, reporter)
            right = right and own.verdict.right
            runs[system].append(concord_row(own.as_json()))
        else:
            limit_s = START_S + dataset.changes / SLOWEST_CHANGES_PER_S
            runs[system].append(catchup_of(system, inputs, jars, limit_s, reporter))
    rows = [middle(of_system) for of_system in runs.values()]
    for row in rows:
        row["configuration"] = CONFIGURATIONS[row["system"]]
        row["wrong_share"] = round(row["never_committed"] / max(row["records"], 1), 4)
        row["invariant_broken_share"] = round(row["invariant_broken"] / max(row["records"], 1), 4)
    return {
        "changes": dataset.changes,
        "accounts": dataset.accounts,
        "cores": psutil.cpu_count(),
        "rounds": rounds,
        "systems": with_ratios(rows),
        "right": right,
    }


def in_turn(systems: list[str], rounds: int) -> Iterator[str]:
    """The systems of every round, each the other way round than the one before."""
    for number in range(rounds):
        yield from reversed(systems) if number % 2 else systems


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run whose rate is in the middle (of two the slower one), with the rates of all, in the order of the rounds."""
    by_rate = sorted(runs, key=lambda one: float(one["changes_per_s"]))
    return {**by_rate[(len(runs) - 1) // 2], "changes_per_s_of_rounds": [one["changes_per_s"] for one in runs]}


def concord_row(result: dict[str, Any]) -> dict[str, Any]:
    """Concord's run in the words of the peers' rows; its records are held to their very commit, which is stricter."""
    same = (
        "seconds",
        "changes_per_s",
        "steady_changes_per_s",
        "cpu_s_per_million",
        "broker_cpu_s_per_million",
        "other_cores_busy",
        "rss_mb_peak",
    )
    return {
        "system": CONCORD,
        "processes": result["processes"],
        **{name: result[name] for name in same},
        "first_output_s": result["first_cut_s"],
        "records": result["account_records"],
        "invariant_broken": result["partial_states"],
        "never_committed": result["wrong_records"] + result["partial_states"],
        "went_back": result["regressions"],
        "repeated": result["duplicates"],
        "lost": result["lost"],
        "wrong_at_end": result["wrong_at_end"],
    }


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each peer's row with what Concord is in terms of it: times as fast, share of its CPU and memory."""
    own = next((row for row in rows if row["system"] == CONCORD), None)
    for row in rows:
        if own is not None and row is not own:
            row["concord_is"] = {
                "times_as_fast": _ratio(own["changes_per_s"], row["changes_per_s"]),
                "share_of_cpu": _ratio(own["cpu_s_per_million"], row["cpu_s_per_million"]),
                "share_of_memory": _ratio(own["rss_mb_peak"], row["rss_mb_peak"]),
            }
    return rows


def _ratio(one: float, other: float) -> float | None:
    """Two decimals; None where there is nothing to divide by."""
    return round(one / other, 2) if other else None
