"""`concord bench ...`: measure Concord on the real broker, and prove in the same run that what it published is right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.catchup import catchup
from benchmarks.curve import curve, plot
from benchmarks.dispatch import dispatch
from benchmarks.freshness import freshness
from benchmarks.idle import idle
from benchmarks.live import live_freshness
from benchmarks.memory import memory
from benchmarks.outcome import Reporter
from benchmarks.page import SCALES, SECTIONS, page
from benchmarks.peers import compare
from benchmarks.peers.build import write_lock
from benchmarks.restart import restart
from benchmarks.shape import Shape
from benchmarks.skew import skew
from benchmarks.stages import stages
from benchmarks.transaction import transaction
from console.bench_run import CODES, AsJson, run
from dataflows.settings import ROOT, Settings

app = typer.Typer(no_args_is_help=True, help="Benchmarks on the real broker, with every published commit verified.")

Changes = Annotated[int, typer.Option(min=1, help="row changes in the backlog")]
Accounts = Annotated[int, typer.Option(min=1, help="accounts in the backlog")]
Processes = Annotated[int, typer.Option(min=1, max=64, help="processes of the canonical flow")]


@app.command("catchup", help="Work off a backlog at full speed: rate, CPU, memory, every record checked. " + CODES)
def catchup_command(
    as_json: AsJson = False,
    changes: Changes = 1_000_000,
    accounts: Accounts = 100_000,
    processes: Processes = 1,
    keep: Annotated[bool, typer.Option(help="keep the run's output topics")] = False,
) -> None:
    """Work off a backlog at full speed."""
    run(
        lambda settings, bars: catchup(settings, Shape(changes, accounts), processes, bars, keep).as_json(),
        as_json,
    )


@app.command("peers", help="The same job in Flink SQL, Kafka Streams and Concord, one after the other. " + CODES)
def peers_command(
    as_json: AsJson = False,
    changes: Changes = 1_000_000,
    accounts: Accounts = 100_000,
    peers: Annotated[str, typer.Option(help="which, in which order")] = ",".join(compare.SYSTEMS),
    processes: Processes = 1,
    rounds: Annotated[int, typer.Option(min=1, help="rounds; shown is each system's run in the middle")] = 1,
    lock: Annotated[bool, typer.Option("--lock", help="only resolve the jars anew and rewrite their lock")] = False,
) -> None:
    """Compare with the peers."""
    if lock:
        run(lambda _settings, _bars: {"files_locked": write_lock(), "right": True}, as_json)
        return
    systems = [word.strip() for word in peers.split(",") if word.strip()]
    if unknown := [word for word in systems if word not in compare.SYSTEMS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(compare.SYSTEMS)}", param_hint="--peers")
    run(
        lambda settings, bars: compare.compare(settings, changes, accounts, systems, processes, bars, rounds),
        as_json,
    )


@app.command("restart", help="kill -9 in the middle of the work: seconds to the first new cut. " + CODES)
def restart_command(
    as_json: AsJson = False,
    accounts: Annotated[str, typer.Option(help="sizes of the state, comma-separated")] = "10000,100000",
    processes: Processes = 1,
) -> None:
    """Kill it and start it again."""
    sizes = numbers(accounts, "--accounts")
    run(lambda settings, bars: restart(settings, sizes, processes, bars), as_json)


@app.command(
    "freshness", help="From a transaction in Kafka to its readable cut, at steady rates: p50 and p99. " + CODES
)
def freshness_command(
    as_json: AsJson = False,
    rate: Annotated[str, typer.Option(help="row changes a second, comma-separated")] = "1000,5000",
    seconds: Annotated[float, typer.Option(min=1, help="how long each rate is kept up after the warm-up")] = 30.0,
    accounts: Accounts = 10_000,
    processes: Processes = 1,
    through: Annotated[str, typer.Option(help="kafka: produced here; debezium: committed in PostgreSQL")] = "kafka",
) -> None:
    """Measure the delay at steady rates."""
    rates = numbers(rate, "--rate")
    ways = {"kafka": freshness, "debezium": live_freshness}
    if through not in ways:
        raise typer.BadParameter(f"{through!r} is none of {', '.join(ways)}", param_hint="--through")
    run(lambda settings, bars: ways[through](settings, rates, seconds, accounts, processes, bars), as_json)


@app.command("idle", help="CPU share at rest, and the delay of busy tables beside 99 idle ones. " + CODES)
def idle_command(
    as_json: AsJson = False,
    seconds: Annotated[float, typer.Option(min=1, help="length of each measurement")] = 20.0,
    accounts: Accounts = 1000,
    processes: Processes = 1,
) -> None:
    """Measure what rest costs."""
    run(lambda settings, bars: idle(settings, seconds, accounts, processes, bars), as_json)


@app.command(
    "dispatch", help="Corrections to both targets while answers are lost: speed, and effects counted. " + CODES
)
def dispatch_command(
    as_json: AsJson = False,
    corrections: Annotated[int, typer.Option(min=1, help="corrections for each of the two targets")] = 1000,
    lost: Annotated[float, typer.Option(min=0, max=0.9, help="share of the writes whose answer is lost")] = 0.3,
) -> None:
    """Measure the way to the targets."""
    run(lambda settings, bars: dispatch(settings, corrections, lost, bars), as_json)


@app.command("skew", help="One account with very many invoices against many with few: cost of a change. " + CODES)
def skew_command(
    as_json: AsJson = False,
    invoices: Annotated[int, typer.Option(min=10, help="invoices in all")] = 200_000,
    processes: Processes = 1,
) -> None:
    """Compare one hot account with many small ones."""
    run(lambda settings, bars: skew(settings, invoices, processes, bars), as_json)


@app.command("memory", help="Catch-up with few accounts as objects and with many: memory against time. " + CODES)
def memory_command(
    as_json: AsJson = False,
    changes: Changes = 1_000_000,
    accounts: Accounts = 100_000,
    hot: Annotated[str, typer.Option(help="accounts as objects, comma-separated")] = "10000,100000",
) -> None:
    """Compare settings of CONCORD_HOT_ACCOUNTS."""
    busy = numbers(hot, "--hot")
    run(lambda settings, bars: memory(settings, changes, accounts, busy, bars), as_json)


@app.command("transaction", help="One transaction of very many rows: whole in one cut, and its memory. " + CODES)
def transaction_command(
    as_json: AsJson = False,
    rows: Annotated[int, typer.Option(min=10, help="rows of the transaction")] = 100_000,
    accounts: Accounts = 10_000,
    processes: Processes = 1,
) -> None:
    """Push one large transaction through."""
    run(lambda settings, bars: transaction(settings, rows, accounts, processes, bars), as_json)


@app.command("stages", help="The stages of this tree against another revision, pass by pass in turn. " + CODES)
def stages_command(
    against: Annotated[str, typer.Option(help="the other git revision")],
    as_json: AsJson = False,
    changes: Annotated[int, typer.Option(min=100, help="row changes of a pass")] = 40_000,
    rounds: Annotated[int, typer.Option(min=1, help="passes of each tree; the best counts")] = 5,
) -> None:
    """Compare the stages with another revision."""
    run(lambda _settings, bars: stages(against, changes, rounds, bars), as_json)


@app.command("curve", help="Catch-up over sizes of the state and numbers of processes. " + CODES)
def curve_command(
    as_json: AsJson = False,
    changes: Changes = 1_000_000,
    accounts: Annotated[str, typer.Option(help="sizes of the state, comma-separated")] = "10000,100000",
    processes: Annotated[str, typer.Option(help="numbers of processes, comma-separated")] = "1,2",
    picture: Annotated[Path | None, typer.Option(help="also draw it into this file, as SVG")] = None,
) -> None:
    """Catch up over and over."""
    sizes, counts = numbers(accounts, "--accounts"), numbers(processes, "--processes")

    def work(settings: Settings, bars: Reporter) -> dict[str, Any]:
        """Measure, then draw."""
        result = curve(settings, changes, sizes, counts, bars)
        if picture:
            picture.write_text(plot(result))
        return result

    run(work, as_json)


@app.command("page", help="Every benchmark in one call: writes docs/performance.json, its plots and the page. " + CODES)
def page_command(
    as_json: AsJson = False,
    scale: Annotated[str, typer.Option(help="small, or full: the sizes of the goals")] = "full",
    only: Annotated[str, typer.Option(help="sections to measure anew, comma-separated")] = ",".join(SECTIONS),
    folder: Annotated[Path, typer.Option(help="where the page is")] = ROOT / "docs",
) -> None:
    """Measure everything and write the page."""
    if scale not in SCALES:
        raise typer.BadParameter(f"{scale!r} is none of {', '.join(SCALES)}", param_hint="--scale")
    sections = [word.strip() for word in only.split(",") if word.strip()]
    if unknown := [word for word in sections if word not in SECTIONS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SECTIONS)}", param_hint="--only")
    run(lambda settings, bars: page(settings, folder, SCALES[scale], sections, bars), as_json)


def numbers(text: str, option: str) -> list[int]:
    """Whole numbers above 0 of a comma-separated list; raises typer.BadParameter."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise typer.BadParameter(
            f"{text!r} is not a list of whole numbers, for example 10000,100000", param_hint=option
        )
    return [int(word) for word in words]
