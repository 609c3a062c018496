"""The canonical flow as users run it (`concord run canonical --processes N`), in processes of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from benchmarks.load import delete_topics
from benchmarks.measure import TreeMeter, Usage
from benchmarks.outcome import BenchmarkFailed, Reporter
from benchmarks.progress import ProgressReader
from dataflows.settings import ROOT, Settings, stack_dir

SOURCES_DIR = Path(__file__).parent / "sources"
#: folder names of the two sources, in the order of `tables.SOURCES`; they prefix the input topics
SOURCE_NAMES = ("bench-billing", "bench-support")
STALLED_AFTER_S = 90.0


class Seen(NamedTuple):
    """One cut as it became visible: moment (monotonic clock), frontier, row changes applied so far."""

    at_s: float
    frontier: dict[str, int]
    applied: int


class Reached(NamedTuple):
    """The flow is where it was to be: moments of the first cut seen on the way and of the last one, and how many."""

    first: float
    last: float
    cuts: int


@dataclass
class Flow:
    """One flow below its own prefix; may be started, killed and started again. `names` are its sources' folders.

    `seen` are the cuts that became visible, in order; without one for `stalled_after_s` the run is given up. `extra` settings go into its
    environment.
    """

    settings: Settings
    prefix: str
    processes: int = 1
    sources_dir: Path = SOURCES_DIR
    names: tuple[str, ...] = SOURCE_NAMES
    seen: list[Seen] = field(default_factory=list)
    stalled_after_s: float = STALLED_AFTER_S
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._meter: TreeMeter | None = None
        self._reader: ProgressReader | None = None

    @property
    def log(self) -> Path:
        """What the flow says; kept unless the run was right."""
        return stack_dir() / "bench" / f"{self.prefix}log"

    @property
    def meter(self) -> TreeMeter:
        """Measures the flow since its last start."""
        if self._meter is None:
            raise AssertionError("the flow was never started")
        return self._meter

    def start(self) -> float:
        """Start it; the moment of the start."""
        command = [sys.executable, "-m", "console.cli", "run", "canonical", "--processes", str(self.processes)]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        started = monotonic()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        self._meter = TreeMeter(self._process.pid)
        return started

    def _environment(self) -> dict[str, str]:
        """The environment of the flow under measurement."""
        return {
            **os.environ,
            "CONCORD_STACK_DIR": str(stack_dir().resolve()),
            "CONCORD_PREFIX": self.prefix,
            "CONCORD_SOURCES": json.dumps(list(self.names)),
            "CONCORD_SOURCES_DIR": str(self.sources_dir),
            "CONCORD_OWNERSHIP": str(SOURCES_DIR / "ownership.yaml"),
            "CONCORD_METRICS_PORT": "0",
            "CONCORD_CLUSTER_PORT": str(self.settings.cluster_port + 60),
            **self.extra,
        }

    def cuts(self, timeout_s: float) -> int:
        """Cuts that became visible within the timeout. Raises BenchmarkFailed."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise BenchmarkFailed(f"the flow ended with exit code {code}. Next step: read {self.log}")
        self._reader = self._reader or ProgressReader.open(self.settings, self.prefix)
        found = self._reader.poll(timeout_s) if self._reader else []
        now = monotonic()
        self.seen += [Seen(now, one["frontier"], _applied(one["counts"])) for one in found]
        return len(found)

    def reach(self, targets: dict[str, int], reporter: Reporter) -> Reached:
        """Wait for the cut whose frontier is at the targets. Raises BenchmarkFailed if the flow ends or stands still."""
        first, before = 0.0, len(self.seen)
        while True:
            newest = self.more(1)
            first = first or newest.at_s
            reporter.advance(self.seen[-1].applied)
            if self.is_at(targets):
                return Reached(first, self.seen[-1].at_s, len(self.seen) - before)

    def more(self, count: int) -> Seen:
        """Wait for so many further cuts; the first of them. Raises BenchmarkFailed if the flow ends or stands still."""
        before, moved_at = len(self.seen), monotonic()
        while len(self.seen) < before + count:
            if self.cuts(0.05):
                moved_at = monotonic()
            elif monotonic() - moved_at > self.stalled_after_s:
                raise BenchmarkFailed(
                    f"the flow made no progress for {self.stalled_after_s:.0f} s. Next step: read {self.log}"
                )
        return self.seen[before]

    def is_at(self, targets: dict[str, int]) -> bool:
        """Whether the newest cut's frontier is at or beyond the targets."""
        frontier = self.seen[-1].frontier if self.seen else {}
        return all(frontier.get(source, 0) >= position for source, position in targets.items())

    def kill(self) -> None:
        """`kill -9` of all its processes at once; they are gone when this returns."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None
        self.meter.stop()

    def stop(self) -> Usage:
        """Ask it to end, kill it if it does not; what it used since its last start."""
        usage = self.meter.stop()
        process = self._process
        if process is None:
            return usage
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        return usage

    def close(self) -> None:
        """Stop it if it runs and leave the broker."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _applied(counts: dict[str, int]) -> int:
    """Row changes that were applied so far, of all sources."""
    return sum(count for name, count in counts.items() if name.endswith(".applied"))


@contextmanager
def flow_of(
    settings: Settings,
    processes: int = 1,
    sources_dir: Path = SOURCES_DIR,
    names: tuple[str, ...] = SOURCE_NAMES,
    keep: bool = False,
) -> Iterator[Flow]:
    """A flow with output topics of its own, which are deleted at the end unless they are to be kept."""
    flow = Flow(settings, f"bench-{uuid.uuid4().hex[:6]}.", processes, sources_dir, names)
    try:
        yield flow
    finally:
        flow.close()
        if not keep:
            delete_topics(settings.kafka, flow.prefix)
