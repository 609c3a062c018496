"""`concord bench ...`: measure Concord on the real broker, and prove in the same run that what it published is right."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.catchup import catchup
from benchmarks.peers import compare
from benchmarks.peers.build import write_lock
from benchmarks.shape import Shape
from console.bench_run import CODES, AsJson, run

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
        lambda settings, bars: compare.compare(settings, changes, accounts, systems, processes, bars),
        as_json,
    )
