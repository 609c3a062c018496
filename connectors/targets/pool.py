"""The senders: a few threads per target, so that a slow one delays only itself; results come back through one queue."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

from connectors.log import logger
from connectors.targets.protocol import Target
from connectors.targets.sender import work
from state.correcting import correction as c
from state.correcting.correction import Event
from state.correcting.dispatcher import WRITE, Job


class Result(NamedTuple):
    """What became of the job of one correction."""

    correction_id: str
    events: list[Event]


class SenderPool:
    """Takes jobs whose SENDING is durable, gives results; both from the flow's own thread."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets
        self._threads = {
            name: ThreadPoolExecutor(target.promise.concurrency, thread_name_prefix=f"send-{name}")
            for name, target in targets.items()
        }
        self._results: SimpleQueue[Result] = SimpleQueue()
        self._log = logger("dispatch")
        self._closing = threading.Event()
        self._under_way = 0

    def submit(self, jobs: Sequence[Job]) -> None:
        """Start the jobs; returns at once."""
        self._under_way += len(jobs)
        for job in jobs:
            self._threads[job.correction.intent.target].submit(self._run, job)

    def take(self) -> list[Result]:
        """All results that are there, oldest first."""
        found = []
        while True:
            try:
                found.append(self._results.get_nowait())
                self._under_way -= 1
            except Empty:
                return found

    @property
    def flying(self) -> int:
        """Jobs whose results have not been taken."""
        return self._under_way

    def close(self) -> None:
        """Start nothing more. What is under way is not waited for: the next start reads it back."""
        self._closing.set()
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Job) -> None:
        if self._closing.is_set():
            return
        try:
            events = work(self._targets[job.correction.intent.target], job)
        except Exception as error:  # noqa: BLE001 a defect in an adapter must not lose the job: the doubt is recorded and read back
            if self._closing.is_set():
                return
            self._log.exception("sender failed", correction=job.correction.id, target=job.correction.intent.target)
            reason = f"the adapter failed ({error!r}). Next step: see the dispatch log"
            events = [c.InDoubt(reason) if job.kind == WRITE else c.ReadFailed(reason)]
        self._results.put(Result(job.correction.id, events))
