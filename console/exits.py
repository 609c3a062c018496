"""Exit codes of every `concord` command. docs/cli.md says what each one means for each command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The number a shell sees. Scripts may rely on them; a number never changes its meaning."""

    OK = 0
    """The command did what it was asked."""
    FAILED = 1
    """The work could not be done, or a check, demo or benchmark found something wrong; the message names it."""
    USAGE = 2
    """A setting or argument is missing or wrong, or a flow must not start; one line says which and what to do."""
    REFUSED = 3
    """Not good enough to answer or to go on: answer too old, component not up, flow taken over by a newer start."""
    UNKNOWN_ACCOUNT = 4
    """The view has no such account."""
    UNREACHABLE = 5
    """A service does not answer; one line names it, its address and the next step."""


def help_text(*codes: Exit) -> str:
    """The exit codes a command can end with, as one line of its help."""
    meanings = {
        Exit.OK: "done",
        Exit.FAILED: "failed or found something wrong",
        Exit.USAGE: "wrong setting or argument",
        Exit.REFUSED: "refused (too old, not ready, or taken over)",
        Exit.UNKNOWN_ACCOUNT: "unknown account",
        Exit.UNREACHABLE: "a service cannot be reached",
    }
    return "Exit codes: " + ", ".join(f"{code.value} {meanings[code]}" for code in codes) + "."
