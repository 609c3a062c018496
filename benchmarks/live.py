"""Freshness through real capture: transactions committed in PostgreSQL, read by Debezium, until their cut is readable.

The oracle's positions are not the generator's here. Just before each commit the writer asks where the log stands: that
lies above the commit before and below its own, so a frontier holds a transaction exactly if it is at or above this place.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

from psycopg import sql

from benchmarks.catchup import Result
from benchmarks.dataset import Dataset
from benchmarks.flow import Flow, flow_of
from benchmarks.freshness import WARM_UP_S
from benchmarks.live_sources import LIVE_NAMES, Connection, live_sources
from benchmarks.load import Sent
from benchmarks.measure import spread
from benchmarks.outcome import BenchmarkFailed, Reporter
from benchmarks.restart import SIGN_UP_CHANGES
from benchmarks.shape import Shape
from benchmarks.tables import COLUMNS, TABLES, RowChange, SourceTransaction
from benchmarks.traffic import delays_ms
from benchmarks.verify import verify
from benchmarks.workload import Workload
from connectors.registry import Registry
from dataflows.settings import Settings

SINCE = "commit in PostgreSQL, captured by Debezium"
_PLACE = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"


class Writer:
    """Commits the workload's transactions one after the other and notes what the oracle has to know."""

    def __init__(self, shape: Shape, databases: list[Connection]) -> None:
        """Both connections are the writer's own."""
        self._databases = databases
        self._left: Iterator[SourceTransaction] = Workload(shape).transactions()
        self.truth: array[int] = array("q")
        self.sent: list[Sent] = []
        self.targets: dict[str, int] = {}
        self.changes = 0

    def write(self, changes: int, rate: float | None = None) -> None:
        """Whole transactions until so many changes are committed in all, at `rate` changes a second."""
        started, already = monotonic(), self.changes
        while self.changes < changes:
            if rate and (early := started + (self.changes - already) / rate - monotonic()) > 0:
                sleep(early)
            self._commit(next(self._left), noted=rate is not None)

    def _commit(self, transaction: SourceTransaction, noted: bool) -> None:
        """One transaction; its place is asked for in the same round trip."""
        database = self._databases[transaction.source]
        with database.pipeline(), database.transaction():
            for change in transaction.changes:
                database.execute(*statement(change))
            asked = database.execute(_PLACE)
        row = asked.fetchone()
        place = int(row[0]) if row else 0
        for known in (transaction.truth, *transaction.others):
            self.truth.extend((transaction.source, place, transaction.time_ms, *known))
        self.targets[LIVE_NAMES[transaction.source]] = place
        self.changes += len(transaction.changes)
        if noted:
            self.sent.append(Sent(transaction.source, place, monotonic()))


def statement(change: RowChange) -> tuple[sql.Composed, list[Any]]:
    """The SQL of a row change and its parameters."""
    table, columns = sql.Identifier("public", TABLES[change.table]), [name for name, _ in COLUMNS[change.table]]
    if change.after is None:
        return sql.SQL("DELETE FROM {} WHERE id = %s").format(table), [(change.before or ())[0]]
    if change.op == "c":
        marks = sql.SQL(", ").join(sql.Placeholder() * len(columns))
        return sql.SQL("INSERT INTO {} VALUES ({})").format(table, marks), list(change.after)
    pairs = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
    return sql.SQL("UPDATE {} SET {} WHERE id = %s").format(table, pairs), [*change.after, change.after[0]]


def live_freshness(
    settings: Settings, rates: list[int], seconds: float, accounts: int, processes: int, reporter: Reporter
) -> dict[str, Any]:
    """One run a rate, each on new databases. Raises BenchmarkFailed."""
    runs = []
    for rate in rates:
        with live_sources(settings) as (folder, databases):
            runs.append(_run(settings, folder, databases, rate, seconds, accounts, processes, reporter).as_json())
    return {
        "since": SINCE,
        "seconds": seconds,
        "accounts": accounts,
        "processes": processes,
        "runs": runs,
        "right": all(run["right"] for run in runs),
    }


def _run(
    settings: Settings,
    folder: Path,
    databases: list[Connection],
    rate: int,
    seconds: float,
    accounts: int,
    processes: int,
    reporter: Reporter,
) -> Result:
    """Fill the state through capture, then commit at the rate, then verify every cut."""
    filled = SIGN_UP_CHANGES * accounts
    wanted = filled + round(rate * (seconds + WARM_UP_S))
    writer = Writer(Shape(wanted, accounts), databases)
    reporter.step(f"commit {accounts:,} sign-ups", filled)
    writer.write(filled)
    with flow_of(settings, processes, folder, LIVE_NAMES) as flow:
        flow.start()
        flow.reach(dict(writer.targets), reporter)
        reporter.step(f"{rate:,} changes a second", wanted)
        before = flow.meter.usage.cpu_s
        took = _follow(flow, writer, wanted, rate, reporter)
        used = flow.stop().cpu_s - before
        warm = writer.sent[0].at_s + WARM_UP_S
        delays = delays_ms([one for one in writer.sent if one.at_s >= warm], flow.seen, LIVE_NAMES)
        measured = {
            "changes_per_s": rate,
            "delay_ms": spread(delays),
            "sent_per_s": round((writer.changes - filled) / took),
            "cpu_share": round(used / took, 3),
        }
        reporter.step("verify every commit", wanted)
        with tempfile.TemporaryDirectory(prefix="concord-bench-") as scratch:
            known = Dataset(Path(scratch), writer.changes, accounts, len(writer.sent), 0)
            with (known.folder / "truth.bin").open("wb") as file:
                writer.truth.tofile(file)
            verdict = verify(settings.kafka, Registry(settings.registry_api), flow.prefix, known, LIVE_NAMES)
        if verdict.right:
            flow.log.unlink(missing_ok=True)
    return Result(measured, verdict)


def _follow(flow: Flow, writer: Writer, wanted: int, rate: int, reporter: Reporter) -> float:
    """Commit in a thread while the cuts are watched here; seconds that the committing took. Raises BenchmarkFailed."""
    failed: list[BaseException] = []

    def write() -> None:
        """What the thread does."""
        try:
            writer.write(wanted, rate)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the end
            failed.append(error)

    thread = Thread(target=write, name="writer", daemon=True)
    thread.start()
    while thread.is_alive():
        flow.cuts(0.02)
        reporter.advance(writer.changes)
    if failed:
        raise BenchmarkFailed(f"a transaction could not be committed ({failed[0]}). Next step: `concord stack status`")
    if not flow.is_at(writer.targets):
        flow.reach(writer.targets, reporter)
    return max(writer.sent[-1].at_s - writer.sent[0].at_s, 0.001)
