"""What the planner made, as one Kafka transaction per epoch; its jobs go to the senders only afterwards."""

from __future__ import annotations

import json
import os
import time
from typing import NoReturn

from connectors import metrics
from connectors.contracts import Contracts
from connectors.kafka.offsets import Vector
from connectors.kafka.transactor import Fenced, Headers, Record, Transactor
from connectors.log import logger
from connectors.targets.pool import SenderPool
from dataflows.dispatch_attention import AttentionTopic
from dataflows.dispatch_stage import FLOW, Step
from state.correcting.audit import entry_record
from state.correcting.correction import Correction, State
from state.correcting.correction_record import correction_record
from state.correcting.dispatcher import Job
from state.correcting.hold import Hold, hold_record
from state.routing import partition_of

#: exit code of a process that another start has taken over from
EXIT_FENCED = 3


def _end(error: Fenced) -> NoReturn:
    """End the process at once: an exception would be lost in the engine, and nothing may be sent any more."""
    metrics.FENCED.labels(FLOW).inc()
    logger(FLOW).error("fenced", reason=str(error))
    os._exit(EXIT_FENCED)


class DispatchWriter:
    """Publishes corrections with the offsets they come from; jobs go to the senders only after the commit."""

    def __init__(
        self, transactor: Transactor, contracts: Contracts, partitions: int, pool: SenderPool, attention: AttentionTopic
    ) -> None:
        self._transactor = transactor
        self._attention = attention
        self._encode = contracts.writer("correction")
        self._topic = contracts.topic("correction")
        self._encode_hold = contracts.writer("hold")
        self._holds = contracts.topic("hold")
        self._encode_entry = contracts.writer("audit")
        self._audit = contracts.topic("audit")
        self._partitions = partitions
        self._pool = pool
        self._jobs: list[Job] = []
        self._offsets: Vector = {}
        self._dirty = False
        self._log = logger(FLOW)

    def write(self, items: list[Step]) -> None:
        """Queue what the planner made. A process that was taken over may learn it here."""
        for step in items:
            try:
                for correction in step.changed:
                    self._produce(correction)
                self._transactor.produce(self._others(step))
            except Fenced as error:
                _end(error)
            self._jobs += step.jobs
            self._offsets |= step.offsets
            self._dirty = True

    def _produce(self, correction: Correction) -> None:
        intent = correction.intent
        partition = partition_of(intent.account_id, self._partitions)
        headers: Headers = [
            ("concord.frontier", json.dumps(dict(intent.positions), sort_keys=True).encode()),
            ("concord.trace", correction.id.encode()),
        ]
        value = self._encode(correction_record(correction))
        self._transactor.produce([(self._topic, partition, correction.id.encode(), value)], headers)
        if correction.state is State.REFUSED:
            self._log.warning(
                "correction refused",
                correction=correction.id,
                account=intent.account_id,
                target=intent.target,
                object=intent.object,
                object_id=intent.object_id,
                invoice=intent.invoice,
                case=intent.case,
                risk_minor=intent.risk_minor,
                risk_currency=intent.risk_currency,
                code=correction.code,
                reason=correction.reason,
            )

    def _others(self, step: Step) -> list[Record]:
        """Records that leave the corrections topic, what people must look at, holds, and the audit of the step."""
        gone: list[Record] = [
            (self._topic, partition_of(account, self._partitions), name.encode(), None)
            for name, account in step.removed
        ]
        gone += self._attention.records(step.changed, step.removed)
        gone += [(self._holds, 0, name.encode(), self._hold(name, hold)) for name, hold in step.holds]
        return gone + [(self._audit, 0, b"chain", self._encode_entry(entry_record(one))) for one in step.audit]

    def _hold(self, name: str, hold: Hold | None) -> bytes | None:
        if hold is None:
            self._log.warning("hold ended", hold=name)
            return None
        self._log.warning("hold began", hold=name, kind=hold.kind, reason=hold.text)
        return self._encode_hold(hold_record(hold))

    def commit(self) -> None:
        """Make the epoch durable, then let its jobs go. A process that was taken over ends here, nothing sent."""
        if not self._dirty:
            return
        started = time.monotonic()
        try:
            self._transactor.commit(self._offsets)
        except Fenced as error:
            _end(error)
        metrics.COMMIT_SECONDS.labels(FLOW).observe(time.monotonic() - started)
        self._pool.submit(self._jobs)
        self._jobs, self._offsets, self._dirty = [], {}, False

    def close(self) -> None:
        """What was not committed is given up: nothing of it was sent."""
        self._transactor.abort()
        self._transactor.close()
