"""The text of docs/performance.md, made from its data file alone: no number on the page was typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.goals import GOALS, verdict_of

Section = dict[str, Any]

_HEAD = """\
# Performance

This page is written by `concord bench page` from [performance.json](performance.json); a test compares them. The job is
'account view': a seeded run of source transactions (1 to 5 rows) over five tables of two databases, as Debezium writes
them, on a real broker. Every published record is verified in the same run: at each commit number an independent reader
holds every account against the generator's own truth of that frontier. A run that was not entirely right says so.

`concord bench page --scale full` takes the numbers of the goals; `small` only shows that everything runs. **Other cores
busy** is how much of the machine other work took meanwhile: rates and delays of a busy machine mean little, CPU seconds
and ratios within one run a little more. An interpreter that was built with optimizations, as those of distributions are,
needs a tenth less than one that a version manager built without (`python -m benchmarks.shard` with each shows it).
"""


def render(data: dict[str, Any]) -> str:
    """The whole page."""
    parts = [_HEAD, _machine(data["machine"]), _goals(data["sections"])]
    for name, text in _TEXTS.items():
        section = data["sections"].get(name)
        if section is not None:
            parts.append(_section(name, text, section))
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def _section(name: str, text: Callable[[Section], str], section: Section) -> str:
    """A section with its origin; numbers of an older version of the benchmark may lack what is shown now."""
    try:
        shown = text(section["result"])
    except KeyError as error:
        return f"## {name}\n\nMeasured before {error} was: `concord bench page --only {name}` measures it anew.\n"
    return shown + "\n" + _taken(section)


def _machine(machine: Section) -> str:
    if not machine:
        return ""
    return (
        f"Machine: {machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB, Python {machine['python']}, "
        f"{machine.get('codec', 'pure')} codec, {machine.get('state', 'pure')} state (`make compiled` builds both)."
    )


def _goals(sections: dict[str, Section]) -> str:
    rows = [(goal.name, goal.wanted, *verdict_of(goal, sections)) for goal in GOALS]
    return "## Goals\n\n" + table(("what", "goal", "measured", "size", "met"), rows)


def _taken(section: Section) -> str:
    return (
        f"*Scale {section['scale']}, taken {section['taken_on']} at {section['revision']}, "
        f"load average before: {section['load_before']}.*\n"
    )


def _curve(result: Section) -> str:
    rows = [
        (
            number(p["accounts"]), p["processes"], number(p["changes"]), number(p["changes_per_s"]),
            number(p["steady_changes_per_s"]), p["cpu_s_per_million"], p["broker_cpu_s_per_million"],
            p["rss_mb_peak"], p["other_cores_busy"], yes(p["right"]),
        )
        for p in result["points"]
    ]  # fmt: skip
    heads = ("accounts", "processes", "changes", "changes/s", "steady/s", "CPU s per million", "broker's", "MB", "other cores busy", "right")  # fmt: skip
    return (
        "## Catch-up\n\n`concord bench curve`: a backlog worked off at full speed. changes/s counts from the start of the "
        "process, steady/s from the first cut.\n\n![Catch-up](performance/curve.svg)\n\n"
        + table(heads, rows)
        + _stages(result["points"])
    )


def _stages(points: list[Section]) -> str:
    """Where the time of each point went."""
    told = [point for point in points if point.get("us_per_change")]
    stages = sorted({stage for point in told for stage in point["us_per_change"]})
    rows = [
        (number(p["accounts"]), p["processes"], *(p["us_per_change"].get(stage, "-") for stage in stages)) for p in told
    ]
    heads = ("accounts", "processes", *stages)
    return "\nCPU microseconds a change in each stage:\n\n" + table(heads, rows) if told else ""


def _peers(result: Section) -> str:
    rows = []
    for one in result["systems"]:
        ratio = one.get("concord_is", {})
        rows.append((
            one["system"], number(one["changes_per_s"]), number(one["steady_changes_per_s"]), one["cpu_s_per_million"],
            one["broker_cpu_s_per_million"], one["rss_mb_peak"], number(one["records"]), share(one["invariant_broken_share"]),
            share(one["wrong_share"]), one["wrong_at_end"] + one["lost"], times(ratio.get("times_as_fast")),
            times(ratio.get("share_of_cpu")), one["other_cores_busy"],
        ))  # fmt: skip
    heads = (
        "system", "changes/s", "steady/s", "CPU s per million", "broker's", "MB", "account records", "invariant broken",
        "never committed", "finally wrong", "Concord is so fast", "Concord's CPU", "other cores busy",
    )  # fmt: skip
    notes = "\n".join(f"- **{one['system']}**: {one['configuration']}" for one in result["systems"])
    return (
        f"## Beside others\n\n`concord bench peers`: {number(result['changes'])} changes over {number(result['accounts'])} "
        "accounts, one system after the other on the same broker and topics. A peer's record passes if it is any committed "
        "state of its account; Concord's has to be that of its own commit.\n\n![Rate](performance/peers-rate.svg)\n\n"
        "![CPU](performance/peers-cpu.svg)\n\n" + table(heads, rows) + f"\n{_rounds(result)}{notes}\n"
    )


def _rounds(result: Section) -> str:
    if result.get("rounds", 1) == 1:
        return ""
    rates = "; ".join(
        f"{one['system']} {', '.join(map(number, one['changes_per_s_of_rounds']))}" for one in result["systems"]
    )
    return f"Of {result['rounds']} rounds, every second in reverse, each system's run in the middle; changes/s of all: {rates}.\n\n"


def _memory(result: Section) -> str:
    rows = [
        (number(r["hot_accounts"]), r["rss_mb_peak"], number(r["changes_per_s"]), r["cpu_s_per_million"], yes(r["right"]))
        for r in result["runs"]
    ]  # fmt: skip
    heads = ("`CONCORD_HOT_ACCOUNTS`", "MB", "changes/s", "CPU s per million", "right")
    return (
        f"## Memory\n\n`concord bench memory`: {number(result['accounts'])} accounts, all as busy as each other, which is the "
        "worst case. Those that are touched least are bytes; a smaller number costs time where they are touched again.\n\n"
        + table(heads, rows)
    )


def _restart(result: Section) -> str:
    rows = [
        (number(r["accounts"]), number(r["state_rows"]), r["kill_to_first_cut_s"], r["start_to_first_cut_s"], r["rss_mb_peak"], yes(r["right"]))
        for r in result["runs"]
    ]  # fmt: skip
    heads = ("accounts", "rows", "kill to first new cut, s", "start to first new cut, s", "MB", "right")
    return (
        f"## After kill -9\n\n`concord bench restart`: killed while {number(result['changes_per_s'])} changes a second arrive, "
        "started at once.\n\n" + table(heads, rows)
    )


def _freshness(result: Section) -> str:
    rows = [
        (number(r["changes_per_s"]), *(r["delay_ms"][name] for name in ("p50", "p90", "p99", "max")), r["cpu_share"], yes(r["right"]))
        for r in result["runs"]
    ]  # fmt: skip
    heads = ("changes/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "CPU, cores", "right")
    live = "Debezium" in result["since"] and "no Debezium" not in result["since"]
    title, option = ("Freshness from the source's commit", " --through debezium") if live else ("Freshness", "")
    return (
        f"## {title}\n\n`concord bench freshness{option}`: {number(result['accounts'])} accounts; counted from: {result['since']}, "
        "until a read_committed reader has the cut.\n\n" + table(heads, rows)
    )


def _idle(result: Section) -> str:
    rows = [
        (r["idle_tables"], r["delay_ms"]["p50"], r["delay_ms"]["p99"], r["cpu_share"], yes(r["right"]))
        for r in result["runs"]
    ]
    return (
        f"## At rest\n\n`concord bench idle`: a flow with nothing to do takes {result['rest_cpu_share']} of a core (the broker "
        f"{result['rest_broker_cpu_share']}) and {result['rest_rss_mb']} MB. The same traffic beside idle tables:\n\n"
        + table(("idle tables", "p50 ms", "p99 ms", "CPU, cores", "right"), rows)
    )


def _skew(result: Section) -> str:
    rows = [
        (r["shape"], number(r["changes"]), number(r["changes_per_s"]), r["cpu_s_per_million"], r["rss_mb_peak"], yes(r["right"]))
        for r in result["runs"]
    ]  # fmt: skip
    return (
        f"## One large account\n\n`concord bench skew`: {number(result['invoices'])} invoices, ten an account or all on one; a "
        f"change of the large account costs {result['hot_cost_ratio']} times the CPU.\n\n"
        + table(("shape", "changes", "changes/s", "CPU s per million", "MB", "right"), rows)
    )


def _transaction(result: Section) -> str:
    row = (
        number(result["rows"]), number(result["accounts"]), yes(result["in_one_cut"]), result["memory_above_baseline_mb"],
        result["memory_above_small_transactions_mb"], result["baseline_mb"], result["seconds"], yes(result["right"]),
    )  # fmt: skip
    heads = (
        "rows",
        "accounts",
        "in one cut",
        "MB above before",
        "MB above small ones",
        "MB before",
        "seconds",
        "right",
    )
    return (
        "## One large transaction\n\n`concord bench transaction`: one source transaction over all accounts, against what the "
        "flow held before (which lacks the state that the rows leave behind) and against as many rows in small "
        "transactions.\n\n" + table(heads, [row])
    )


_TEXTS: dict[str, Callable[[Section], str]] = {
    "curve": _curve,
    "peers": _peers,
    "memory": _memory,
    "restart": _restart,
    "freshness": _freshness,
    "live": _freshness,
    "idle": _idle,
    "skew": _skew,
    "transaction": _transaction,
}


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def number(value: float) -> str:
    """Thousands apart."""
    return f"{value:,}"


def share(value: float) -> str:
    """A share as per cent."""
    return f"{value:.1%}"


def times(value: float | None) -> str:
    """A ratio, or a dash."""
    return "-" if value is None else f"{value} x"


def yes(value: bool) -> str:
    """In a word."""
    return "yes" if value else "**no**"
