"""The one error of this room."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot do what was asked: `problem` names the thing, `next_step` says what to do. Exit code 1."""

    def __init__(self, problem: str, next_step: str) -> None:
        """Keep both halves, so that a caller can show them apart."""
        super().__init__(f"{problem}. Next step: {next_step}")
        self.problem = problem
        self.next_step = next_step


class WrongSetting(StackError):
    """A setting or a name that was given is wrong. Exit code 2."""
