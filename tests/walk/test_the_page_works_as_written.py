"""docs/onboarding-walk.md leads from a database that Concord never saw to its first account, command by command."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from pathlib import Path

import psutil
import pytest

from dataflows.settings import ROOT
from tests.running_stack import RunningStack
from tests.walk.page import Block, blocks, outputs, script, unseen

PAGE = ROOT / "docs" / "onboarding-walk.md"
TIMEOUT_S = 240


@pytest.mark.stack
@pytest.mark.slow
def test_every_block_runs_and_shows_what_the_page_says(no_fibrenet: RunningStack, tmp_path: Path) -> None:
    """The shell blocks run unchanged, in one shell; each line that the page shows was printed, in its place.

    Planted breaks, seen to fail: `units: minor` in the page's edit (INVALID_PRECISION ends the walk at the check), and a
    line of `concord sources check` that was not the product's any more.
    """
    page = blocks(PAGE)
    environment = (
        os.environ
        | no_fibrenet.environment()
        | {
            "HOME": str(tmp_path),
            "CONCORD_PREFIX": f"walk-{uuid.uuid4().hex[:6]}.",
            "CONCORD_METRICS_PORT": "0",
            "CONCORD_CLUSTER_PORT": str(no_fibrenet.layout.port_base + 170),
            "COLUMNS": "200",
        }
    )
    program = subprocess.Popen(
        ["bash", "-c", script(page)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        printed, _ = program.communicate(timeout=TIMEOUT_S)
    finally:
        _end(program)
    seen = outputs(printed)
    logs = "\n".join(path.read_text()[-2000:] for path in (tmp_path / "concord-walk").glob("*.log"))
    assert program.returncode == 0, f"block {len(seen)}:\n{page[len(seen) - 1].commands}\n{seen[-1][-3000:]}\n{logs}"
    for block, output in zip(page, seen, strict=True):
        assert unseen(block.shown, output) is None, f"{block.commands}\nprinted:\n{output}"


def _end(program: subprocess.Popen[str]) -> None:
    """End what hangs: the shell's children first, since it waits for them before it ends its jobs."""
    while program.poll() is None:
        for child in psutil.Process(program.pid).children(recursive=True):
            child.terminate()
        program.terminate()
        time.sleep(0.1)


def test_the_page_shows_something_after_each_step() -> None:
    """A reader has to see that a step worked: each numbered step from the third on has a block that shows output."""
    shown = [block for block in blocks(PAGE) if block.shown]
    assert len(shown) >= 6


@pytest.mark.parametrize(
    ("shown", "printed", "missed"),
    [
        (("a … c",), "a b c", None),
        (("one", "two"), "two one", "two"),
        (("exact line",), "exact  line", None),
        (("price 5",), "price 6", "price 5"),
    ],
)
def test_a_line_that_was_not_printed_is_found(shown: tuple[str, ...], printed: str, missed: str | None) -> None:
    """The comparison itself: order counts, spaces do not, and only `…` stands for something else."""
    assert unseen(shown, printed) == missed
    assert Block("", shown).shown == shown
