"""What a pre-flight check says."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong: a code for scripts, the thing, the problem and the fix for people."""

    source: str
    code: str
    thing: str
    problem: str
    fix: str


class Report(NamedTuple):
    """All checks that ran, as (source, check), and what they found; `unchecked` names checks that could not run."""

    passed: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[tuple[str, str], ...]

    @property
    def well(self) -> bool:
        """Whether everything was checked and nothing found."""
        return not self.findings and not self.unchecked
