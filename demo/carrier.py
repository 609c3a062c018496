"""One thread of the old integration: carries billing's commits to the ERP and support, and gets a known share wrong.

Per account everything is carried in order by one thread. An object that was got wrong is *marked* with what its target
shows; while the target still shows that, later carries of it are skipped too, so no drift heals by accident. Once
somebody (Concord) has changed the target, the mark is gone and carrying goes on.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from demo.acts.words import Carry
from demo.company import Company, Connection
from demo.ledger import Ledger
from demo.targets import PLAIN, TARGETS, falsified

RETRY_S = 0.5


class Timing(NamedTuple):
    """How long after the commit the faulty carries come: `late` around the settle time's end, `delay` well beyond.

    A delayed carry waits up to `patience_s` more while nobody has corrected its object: on a machine that is minutes
    behind it would otherwise heal what Concord must find before Concord can have seen it.
    """

    late_s: tuple[float, float]
    delay_s: float
    patience_s: float


class Job(NamedTuple):
    """Carries of one committed transaction; the commit happened between `before` and `after` (epoch seconds)."""

    carries: tuple[Carry, ...]
    before: float
    after: float


class Carrier(threading.Thread):
    """One thread of the integration, with its own connections, marks and waiting carries."""

    def __init__(self, company: Company, ledger: Ledger, timing: Timing, name: str) -> None:
        """Connections are opened when the thread starts."""
        super().__init__(name=name, daemon=True)
        self.jobs: queue.Queue[Job | None] = queue.Queue()
        self.marks: dict[tuple[str, str], str | None] = {}
        self.error: BaseException | None = None
        self.carried = 0
        self.faults = 0
        self._company, self._ledger, self._timing = company, ledger, timing
        self._targets: dict[str, Connection] = {}
        self._latest: dict[tuple[str, str], Carry] = {}
        self._waiting: list[tuple[float, int, float, Carry]] = []
        self._sequence = 0
        self.receipts: list[Carry] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is queued and nothing delayed is still to come."""
        return self.jobs.unfinished_tasks == 0 and not self._waiting

    def run(self) -> None:
        """Carry until told to end; the first error ends the thread and is kept."""
        try:
            for system in ("erp", "support"):
                self._targets[system] = self._company.connect(system, autocommit=True)
            while self._turn():
                pass
            self._retry_receipts()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for this thread, who raises it
            self.error = error
        finally:
            for conn in self._targets.values():
                conn.close()

    def _turn(self) -> bool:
        """Take one job or what has become due; False once told to end."""
        wait_s = RETRY_S if not self._waiting else min(RETRY_S, max(0.0, self._waiting[0][0] - time.time()))
        try:
            job = self.jobs.get(timeout=wait_s)
        except queue.Empty:
            self._retry_receipts()
        else:
            if job is None:
                self.jobs.task_done()
                return False
            for carry in job.carries:
                self._carry(carry, job)
            self.jobs.task_done()
        while self._waiting and self._waiting[0][0] <= time.time():
            self._late(*heapq.heappop(self._waiting)[2:])
        return True

    def _carry(self, carry: Carry, job: Job) -> None:
        self.carried += 1
        if carry.rule:
            self._compared(carry, job)
        elif not PLAIN[carry.kind](self._targets["erp"], carry):
            self.receipts.append(carry)

    def _retry_receipts(self) -> None:
        """Receipts whose invoice the ERP did not have."""
        self.receipts = [carry for carry in self.receipts if not PLAIN[carry.kind](self._targets["erp"], carry)]

    def _compared(self, carry: Carry, job: Job) -> None:
        """Carry a compared value, or get it wrong as the carry says."""
        key = (carry.rule, carry.object_id)
        self._ledger.desire(*key, carry.was, carry.value, job.before, job.after)
        self._latest[key] = carry
        fault = carry.fault
        if self._still_wrong(key, carry):
            return
        if not fault:
            self._write(key, carry)
            del self._latest[key]
            return
        self.faults += 1
        self._ledger.planted(*key, carry.value, fault, time.time())
        if fault == "falsify":
            wrong = falsified(carry)
            self._write(key, wrong)
            self.marks[key] = wrong.value
            return
        self.marks[key] = self._observe(key, carry)
        if fault == "delay":
            due = job.after + self._timing.delay_s
            self._wait(due, due + self._timing.patience_s, carry)
        elif fault == "late":
            first, last = self._timing.late_s
            due = job.after + first + (last - first) * (self._sequence % 10) / 10
            self._wait(due, due, carry)

    def _wait(self, due: float, give_up_at: float, carry: Carry) -> None:
        self._sequence += 1
        heapq.heappush(self._waiting, (due, self._sequence, give_up_at, carry))

    def _late(self, give_up_at: float, carry: Carry) -> None:
        """Carry what was held back, unless the target has moved on."""
        key = (carry.rule, carry.object_id)
        latest = self._latest.get(key, carry)
        if self._still_wrong(key, latest):
            if time.time() < give_up_at:
                self._wait(time.time() + RETRY_S, give_up_at, carry)
                return
            self._write_over(self.marks.pop(key), key, latest)
        self._latest.pop(key, None)

    def _still_wrong(self, key: tuple[str, str], carry: Carry) -> bool:
        """Whether the object is marked and its target still shows the marked value; takes the mark off otherwise.

        If billing has come back to what the target shows, nothing is wrong any more either.
        """
        if key not in self.marks:
            return False
        if self._observe(key, carry) == self.marks[key] != carry.value:
            return True
        del self.marks[key]
        return False

    def _observe(self, key: tuple[str, str], carry: Carry) -> str | None:
        """Read the target and tell the ledger."""
        return self._in_target(key, carry, lambda conn: None)

    def _write(self, key: tuple[str, str], carry: Carry) -> None:
        """Write the carry's value."""
        self._in_target(key, carry, lambda conn: TARGETS[carry.rule].write(conn, carry))

    def _write_over(self, stale: str | None, key: tuple[str, str], carry: Carry) -> None:
        """Write the carry's value if the target still shows `stale`; a newer value is never overwritten."""
        target = TARGETS[carry.rule]

        def write(conn: Connection) -> None:
            if target.read(conn, carry) == stale:
                target.write(conn, carry)

        self._in_target(key, carry, write)

    def _in_target(self, key: tuple[str, str], carry: Carry, work: Callable[[Connection], None]) -> str | None:
        """One transaction on the target; the ledger learns the value that it leaves, and between which times."""
        target = TARGETS[carry.rule]
        conn = self._targets[target.system]
        with conn.transaction():
            work(conn)
            value = target.read(conn, carry)
            before = time.time()
        self._ledger.carried(*key, value, before, time.time())
        return value
