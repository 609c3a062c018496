"""The stages of this tree against those of another revision: same machine, same minutes, one pass of each in turn.

Every pass is `python -m benchmarks.shard` in a process of its own, run from its own tree, so each revision is measured with
its own benchmark; the ratio of a stage is that of the best passes. Other work on the machine hits both alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.outcome import BenchmarkFailed, Reporter
from dataflows.settings import ROOT

PASS_TIMEOUT_S = 300.0
HERE, THERE = "this tree", "other"


def stages(against: str, changes: int, rounds: int, reporter: Reporter) -> dict[str, Any]:
    """Microseconds a change of every stage in both trees, and their ratio. Raises BenchmarkFailed."""
    passes: dict[str, list[dict[str, Any]]] = {HERE: [], THERE: []}
    with worktree(against) as other:
        reporter.step(f"stages against {against}", 2 * rounds)
        for number in range(rounds):
            for at, (name, tree) in enumerate(((HERE, ROOT), (THERE, other)), 1):
                passes[name].append(_pass(tree, changes))
                reporter.advance(2 * number + at)
    result = compared(passes[HERE], passes[THERE])
    return {"against": against, "changes": changes, "rounds": rounds, **result}


def compared(here: list[dict[str, Any]], there: list[dict[str, Any]]) -> dict[str, Any]:
    """The best of each stage on both sides, and the share of the other's time that this tree needs (below 1: faster)."""
    best = [_best(one) for one in (here, there)]
    rows = [
        {
            "stage": stage,
            "us_per_change": best[0].get(stage),
            "other_us_per_change": best[1].get(stage),
            "ratio": round(best[0][stage] / best[1][stage], 3) if best[0].get(stage) and best[1].get(stage) else None,
        }
        for stage in dict.fromkeys([*best[0], *best[1]])
    ]
    same = here[0]["digest"] == there[0]["digest"]
    return {"same_bytes_published": same, "stages": rows, "right": True}


def _best(passes: list[dict[str, Any]]) -> dict[str, float]:
    """The best time of each stage."""
    return {stage: min(one["us_per_change"][stage] for one in passes) for stage in passes[0]["us_per_change"]}


def _pass(tree: Path, changes: int) -> dict[str, Any]:
    """One pass from a tree's own root: the working directory comes first on the import path."""
    command = [sys.executable, "-m", "benchmarks.shard", "--passes", "1", "--changes", str(changes)]
    try:
        done = subprocess.run(
            command, cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=PASS_TIMEOUT_S
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise BenchmarkFailed(
            f"the stages of {tree} cannot be measured: {last}. Next step: run `python -m benchmarks.shard` there"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed(
            f"a pass over the stages took more than {PASS_TIMEOUT_S:.0f} s. Next step: fewer --changes"
        ) from error
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def worktree(revision: str) -> Iterator[Path]:
    """The tree of a revision in a folder of its own, gone afterwards. Raises BenchmarkFailed if there is no such revision."""
    with tempfile.TemporaryDirectory(prefix="concord-stages-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), revision)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*words: str) -> None:
    """One git command in this repository."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(
            f"`git {' '.join(words)}` failed: {done.stderr.strip()}. Next step: give a revision that this repository has"
        )
