"""The dispatch flow as it is, in a process that kills itself with SIGKILL at a named point, once.

`python -m tests.scenarios.dying_dispatch PLAN TIER URL`: PLAN is a file with the name of a point; whoever reaches that
point removes the file and dies. The flow's own seams are used: targets and pool are what `dispatch.run` is given.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from connectors.log import configure
from connectors.targets.description import load
from connectors.targets.pool import Result, SenderPool
from connectors.targets.protocol import Declared, Snapshot, Target, Write
from connectors.targets.rest import RestTarget
from dataflows import dispatch
from dataflows.settings import load_settings
from state.correcting.correction import Correction
from state.correcting.dispatcher import WRITE, Job
from state.correcting.lane import Promise
from state.rules import Rule, Rules

#: the points, in the order in which a correction passes them
AFTER_PLAN, BEFORE_SEND, AFTER_SEND = "after plan", "before send", "after send"
AFTER_RESPONSE, BEFORE_RECORD = "after response", "before record"
POINTS = (AFTER_PLAN, BEFORE_SEND, AFTER_SEND, AFTER_RESPONSE, BEFORE_RECORD)
RULES = Rules(1, ("none", "standard"), "finance", (Rule("r", "invoice", "billing", "erp", 0, "auto", 1000, "finance"),))


class Plan:
    """Where to die, told by a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wants(self, point: str) -> bool:
        """Whether this is the point."""
        return self._path.exists() and self._path.read_text() == point

    def pass_by(self, point: str) -> None:
        """Die here, if this is the point."""
        if self.wants(point):
            self._path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


class DyingPromise(Promise):
    """Asked when a job is made: planned, and nothing of it durable yet."""

    plan: Plan

    def may_repeat(self, correction: Correction, now_ms: int) -> bool:
        """Die, or answer as any promise does."""
        self.plan.pass_by(AFTER_PLAN)
        return super().may_repeat(correction, now_ms)


class DyingPool(SenderPool):
    """Between what is durable and what is sent, and between what was heard and what is recorded."""

    def __init__(self, targets: Mapping[str, Target], plan: Plan) -> None:
        super().__init__(targets)
        self._plan = plan

    def submit(self, jobs: Sequence[Job]) -> None:
        """SENDING is durable; no byte has left."""
        if any(job.kind == WRITE for job in jobs):
            self._plan.pass_by(BEFORE_SEND)
        super().submit(jobs)

    def take(self) -> list[Result]:
        """The answer is known to this process and to nobody else."""
        found = super().take()
        if found:
            self._plan.pass_by(BEFORE_RECORD)
        return found


class DyingTarget:
    """A REST target that dies after the request has been carried out, or after its answer."""

    def __init__(self, inner: RestTarget, plan: Plan, url: str) -> None:
        self._inner, self._plan, self._url = inner, plan, url

    @property
    def name(self) -> str:
        """The target's name."""
        return self._inner.name

    @property
    def promise(self) -> Promise:
        """The target's promise, with a point in it."""
        promise = DyingPromise(*self._inner.promise)
        DyingPromise.plan = self._plan
        return promise

    @property
    def declares(self) -> Mapping[str, Declared]:
        """What is promised, by object."""
        return self._inner.declares

    def read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        """Read."""
        return self._inner.read(object_name, place)

    def write(self, write: Write) -> None:
        """Write, and die when it is carried out, or when it is answered."""
        if self._plan.wants(AFTER_SEND):
            before = self._effects()
            threading.Thread(target=self._inner.write, args=[write], daemon=True).start()
            while self._effects() == before:
                time.sleep(0.01)
            self._plan.pass_by(AFTER_SEND)
        self._inner.write(write)
        self._plan.pass_by(AFTER_RESPONSE)

    def _effects(self) -> object:
        return httpx.get(f"{self._url}/control/effects").json()

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """Tidy."""
        return self._inner.tidy(object_name, place, key)

    def shows(self, object_name: str, snapshot: Snapshot, desired: Mapping[str, str]) -> bool:
        """Whether the row shows it."""
        return self._inner.shows(object_name, snapshot, desired)

    def close(self) -> None:
        """Close it."""
        self._inner.close()


def main(plan_path: str, tier: str, url: str) -> int:
    """Run dispatch over one target of this tier; without the means of tier A unless it is that."""
    configure("info")
    settings, plan = load_settings(), Plan(Path(plan_path))
    described = load("erp", settings.targets_dir)
    described = described.model_copy(update={"tier": tier} | ({} if tier == "A" else {"key": None, "version": None}))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    known: dict[str, Target] = {"erp": DyingTarget(RestTarget(described, url), plan, url)}
    return dispatch.run(settings, known, RULES, stopping, lambda targets: DyingPool(targets, plan))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
