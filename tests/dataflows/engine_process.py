"""An engine of two processes with nothing to do: `python -m tests.dataflows.engine_process <folder> <port> <port> <number>`.

It makes the file `one` in the folder when process 1 is about to wait for its turn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from bytewax.testing import TestingSink, TestingSource

from dataflows import start_folder
from dataflows.start_folder import StartFolder

#: what the engine says when the one that it calls does not listen
REFUSED = "error connecting to worker"


def run(path: Path, ports: list[str], number: int) -> None:
    """The engine of one of the two processes, in its turn, which leaves the other one time on a busy machine."""
    start_folder.LISTENS_AFTER_SECONDS = 2.0
    flow = Dataflow("nothing")
    op.output("out", op.input("in", flow, TestingSource([])), TestingSink([]))
    if number:
        (path / "one").touch()
    if StartFolder(path).in_turn(number, lambda: False):
        addresses = [f"127.0.0.1:{port}" for port in ports]
        cli_main(flow, workers_per_process=1, process_id=number, addresses=addresses)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:4], int(sys.argv[4]))
