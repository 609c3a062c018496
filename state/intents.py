"""Stub."""

from __future__ import annotations

from typing import Any

from state.account import Account
from state.entitlement import Entitled
from state.model import Model
from state.output import Output
from state.rules import Rules


class Intents:
    """Stub."""

    def __init__(self, model: Model, rules: Rules, timers: list[tuple[int, str]]) -> None:
        self._model = model

    def load(self, intent: dict[str, Any]) -> None:
        """Stub."""

    def adopt(self, account: Account) -> None:
        """Stub."""

    def compare(
        self, account: Account, now: Entitled, dirty: dict[tuple[str, str], int], clock_ms: int, out: Output
    ) -> None:
        """Stub."""
