"""`concord topics`: the output topics themselves."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from console.exits import Exit, help_text
from dataflows.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The output topics: another number of partitions.")
ENDS = help_text(Exit.OK, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.UNREACHABLE)


@app.callback()
def topics() -> None:
    """Keeps `repartition` a word of its own, although it is the only one."""


@app.command("repartition", help="Write the state into new topics with another number of partitions. " + ENDS)
def repartition_topics(
    to_prefix: Annotated[str, typer.Option(help="prefix of the new topics, for example concord8.")],
    partitions: Annotated[int, typer.Option(min=1, max=512, help="partitions of every keyed topic there")],
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Every live record under CONCORD_PREFIX, to the partition that is its own there; the flows must be stopped."""
    from dataflows.repartition import repartition

    settings = load_settings()
    target = load_settings(prefix=to_prefix, partitions=partitions)
    done = repartition(settings, target.prefix, target.partitions)
    if as_json:
        answer = {"commit": done.commit, "prefix": target.prefix, "partitions": partitions, "records": done.records}
        typer.echo(json.dumps(answer))
        return
    table = Table("topic", "records", title=f"{settings.prefix} -> {target.prefix}, commit {done.commit}")
    for topic, count in sorted(done.records.items()):
        table.add_row(topic, str(count))
    console = Console()
    console.print(table)
    console.print(
        f"Next step: set CONCORD_PREFIX={target.prefix} and CONCORD_PARTITIONS={partitions}, then start the flows"
    )
