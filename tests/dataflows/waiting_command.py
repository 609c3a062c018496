"""`concord run canonical` that reads until it is told otherwise: `python -m tests.dataflows.waiting_command <folder> <processes>`.

It makes the file `reads` in the folder when it would fence and read, and is refused when there is a file `refuse`. With
`child <number>` for the processes it is one of them instead, whose parent has this number, and waits for its start.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

from console.cli import main
from dataflows import bootstrap, canonical
from dataflows.children import run_child
from dataflows.settings import load_settings
from dataflows.start import StartRefused
from dataflows.start_folder import StartFolder
from dataflows.worker import Given
from tests.chaos.flow_process import wait_until

#: longer than any test
FOREVER_S = 600.0
REFUSAL = "not today"


def command(folder: Path, processes: str) -> int:
    """All but the registry and what is read is real; the exit code."""

    def read(*_: object) -> NoReturn:
        (folder / "reads").touch()
        wait_until((folder / "refuse").exists, FOREVER_S, "a refusal")
        raise StartRefused(REFUSAL)

    with patch.object(bootstrap, "contracts", bootstrap.published), patch.object(canonical, "_read", read):
        return main(["run", "canonical", "--processes", processes])


def child(folder: Path, parent: int) -> NoReturn:
    """A process of the flow for which there is no start."""
    settings = load_settings()
    given = Given(bootstrap.model(settings), bootstrap.published(settings))
    run_child(StartFolder(folder), settings, given, 0, parent)


if __name__ == "__main__":
    at, what, *number = Path(sys.argv[1]), *sys.argv[2:]
    if number:
        child(at, int(number[0]))
    sys.exit(command(at, what))
