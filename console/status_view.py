"""`concord status` for people."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.status_report import Report


def show(report: Report, console: Console) -> None:
    """Print the report: sources, balance, what is parked, open and corrected."""
    if report.commit is None:
        console.print("The canonical flow has published nothing yet. Next step: concord run canonical")
    else:
        live = "live" if report.live else "a first snapshot is not complete: nothing is published yet"
        console.print(f"canonical flow: commit {report.commit}, {live}")
    console.print(_sources(report))
    console.print(_rows(report))
    balance = report.balance()
    sentence = "in {in:,} = applied {applied:,} + ignored {ignored:,} + parked {parked:,} + waiting {waiting:,}".format(
        **balance
    )
    console.print(sentence if balance["balanced"] else Text(f"{sentence}: does not balance", style="bold red"))
    _counts(console, "exceptions open", report.exceptions)
    _counts(console, "intents", report.intents)
    _counts(console, "corrections", report.corrections)
    _counts(console, "corrections that wait for a person (concord corrections list)", report.attention)
    for hold in report.holds:
        console.print(Text(f"{hold['kind']} {hold['id']}: {hold['text']}", style="bold red"))
    console.print(f"look-up: {report.lookup_state.replace('_', ' ')}, commit {_or_dash(report.lookup_commit)}")
    _counts(console, "parked", report.parked)
    if report.partial:
        console.print(f"counted over the newest records only, since they are long: {', '.join(report.partial)}")
    if report.parked_samples:
        table = Table(
            "reason",
            "topic",
            "partition",
            "offset",
            "account",
            "why",
            title="newest parked records",
            title_justify="left",
        )
        for sample in report.parked_samples:
            table.add_row(
                sample.code,
                sample.topic,
                str(sample.partition),
                str(sample.offset),
                sample.account or "-",
                Text(sample.reason),
            )
        console.print(table)


def _sources(report: Report) -> Table:
    """Where each source stands."""
    table = Table("source", "connector", "snapshot", "frontier", "age", "lag")
    for source in report.sources:
        connector = source.connector if source.failure is None else f"{source.connector}: {source.failure}"
        age = "-" if source.age_ms is None else f"{source.age_ms / 1000:.1f} s"
        lag = f"{source.lag_records:,} ({source.lag_seconds:.1f} s)"
        snapshot = "complete" if source.snapshot_complete else "running"
        table.add_row(source.name, Text(connector), snapshot, _or_dash(source.frontier), age, lag)
    return table


def _rows(report: Report) -> Table:
    """What became of each source's rows."""
    table = Table("rows", "in", "applied", "ignored", "parked", "waiting")
    for source in report.sources:
        numbers = (source.rows_in, source.applied, source.ignored, source.parked, source.waiting)
        table.add_row(source.name, *(f"{number:,}" for number in numbers))
    return table


def _counts(console: Console, title: str, counts: Counter[str]) -> None:
    console.print(f"{title}: " + (", ".join(f"{name} {number:,}" for name, number in sorted(counts.items())) or "none"))


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
