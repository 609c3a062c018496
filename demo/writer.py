"""Threads that run acts as real transactions on billing and support."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter

from demo.acts.words import Act, Transaction
from demo.company import Company, Connection
from demo.integration import Integration

BACKLOG = 500


class WriterError(Exception):
    """A writer thread ended early; the cause is attached."""


class Writer(threading.Thread):
    """One thread with its own connections; acts of one account always come to the same writer."""

    def __init__(self, company: Company, integration: Integration, name: str) -> None:
        """Connections are opened when the thread starts."""
        super().__init__(name=name, daemon=True)
        self.acts: queue.Queue[Act | None] = queue.Queue(BACKLOG)
        self.error: BaseException | None = None
        self.done: Counter[str] = Counter()
        self.transactions = 0
        self.rolled_back = 0
        self.statements = 0
        self._company, self._integration = company, integration

    def run(self) -> None:
        """Run acts until told to end; the first error ends the thread and is kept."""
        try:
            with self._company.connect("billing") as billing, self._company.connect("support") as support:
                conns = {"billing": billing, "support": support}
                while (act := self.acts.get()) is not None:
                    self._run_act(conns, act)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for this thread, who raises it
            self.error = error

    def _run_act(self, conns: dict[str, Connection], act: Act) -> None:
        before = time.time()
        for transaction in act.transactions:
            if transaction.system:
                self._run_transaction(conns[transaction.system], transaction)
            if transaction.carries:
                self._integration.submit(act.account, transaction.carries, before, time.time())
        self.done[act.kind] += 1

    def _run_transaction(self, conn: Connection, transaction: Transaction) -> None:
        with conn.pipeline():
            for statement in transaction.statements:
                conn.execute(statement.sql, statement.parameters)
        if transaction.commit:
            conn.commit()
            self.transactions += 1
            self.statements += len(transaction.statements)
        else:
            conn.rollback()
            self.rolled_back += 1


class Writers:
    """A few writer threads."""

    def __init__(self, company: Company, integration: Integration, threads: int = 2) -> None:
        """Nothing runs before `start`."""
        self.threads = [Writer(company, integration, f"writer-{n}") for n in range(threads)]

    def start(self) -> None:
        """Start the threads."""
        for writer in self.threads:
            writer.start()

    def submit(self, act: Act) -> None:
        """Hand an act to its account's writer; waits while that one is far behind; raises WriterError."""
        writer = self.threads[act.account % len(self.threads)]
        while True:
            self.raise_error()
            try:
                writer.acts.put(act, timeout=1.0)
                return
            except queue.Full:
                continue

    def close(self) -> None:
        """Run what was handed over, then end the threads."""
        for writer in self.threads:
            writer.acts.put(None)
        for writer in self.threads:
            writer.join()
        self.raise_error()

    def raise_error(self) -> None:
        """Raise the first error of any thread."""
        for writer in self.threads:
            if writer.error is not None:
                raise WriterError(
                    f"{writer.name} ended early: {writer.error}. Next step: see the cause"
                ) from writer.error
