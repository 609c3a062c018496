"""A person of finance who approves what Concord proposes after a refusal, as `concord corrections approve` does."""

from __future__ import annotations

import time
import uuid

from connectors.contracts import Contracts
from connectors.correction_store import CorrectionStore
from state.correcting.decision import APPROVE, Decision, binding

APPROVER = "controller"


class Approver:
    """Approves single corrections, each as it is shown now."""

    def __init__(self, bootstrap: str, contracts: Contracts) -> None:
        self._store = CorrectionStore(bootstrap, contracts)

    def approve(self, correction_id: str) -> None:
        """Decide; durable when this returns."""
        shown = frozenset({binding(self._store.corrections()[correction_id])})
        decision = Decision(uuid.uuid4().hex, correction_id, APPROVE, APPROVER, time.time_ns() // 1_000_000, shown)
        self._store.decide(decision)
