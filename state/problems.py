"""Exceptions of an account: what a person must look at, with its owner; withdrawn when it is over."""

from __future__ import annotations

from state.account import Account
from state.entitlement import Entitled
from state.model import Model
from state.output import Output
from state.rules import Rules


class Problems:
    """Stub."""

    def __init__(self, model: Model, rules: Rules) -> None:
        self._model = model

    def adopt(self, account: Account) -> None:
        """Stub."""

    def compare(self, account: Account, now: Entitled, out: Output) -> None:
        """Stub."""
