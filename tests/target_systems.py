"""Tryton and Request Tracker for the conformance suite, installed and filled in the background while other tests run.

That takes minutes, most of them in one thread of pip, dpkg or a database. It changes nothing that other tests use but
PostgreSQL, in databases of its own; whoever needs the systems waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from stack.jars import JarCache
from stack.layout import Layout, layout_from
from stack.real import request_tracker
from stack.roster import TARGET_SYSTEMS
from tests.running_stack import RunningStack

#: the folder of the tests that need them
SUITE = Path(__file__).parent / "conformance"


class TargetSystems:
    """The systems of one test stack: those that this machine can have."""

    def __init__(self, stack: RunningStack) -> None:
        """Nothing is prepared yet."""
        environment = {
            "CONCORD_STACK_DIR": str(stack.layout.directory),
            "CONCORD_PORT_BASE": str(stack.layout.port_base),
            "CONCORD_JARS_DIR": str(stack.layout.jars),
            "CONCORD_POSTGRES": stack.addresses.postgres,
        }
        self.layout: Layout = layout_from({**os.environ, **environment})
        self.names: Sequence[str] = ["tryton"] if request_tracker.obstacle() else ["tryton", "request-tracker"]
        self._prepared: list[Future[object]] = []

    @contextmanager
    def preparing(self, wanted: bool) -> Iterator[None]:
        """Install them and fill their databases meanwhile, if anybody will want them; the suite itself starts them."""
        jars = JarCache(self.layout.jars)
        with ThreadPoolExecutor(len(self.names), "target-system") as pool:
            for name in self.names if wanted else ():
                self._prepared.append(pool.submit(TARGET_SYSTEMS[name].prepare, self.layout, jars))
            yield

    def wait(self) -> None:
        """Until they are prepared. Raises what went wrong."""
        for future in self._prepared:
            future.result()
