"""What a pre-flight check says."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong, or worth knowing (`warning`): a code for scripts, thing, problem and fix for people."""

    source: str
    code: str
    thing: str
    problem: str
    fix: str
    severity: Literal["error", "warning"] = "error"


class Report(NamedTuple):
    """All checks that ran, as (source, check), and what they found; `unchecked` names checks that could not run."""

    passed: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[tuple[str, str], ...]

    @property
    def well(self) -> bool:
        """Whether everything was checked and nothing is wrong; warnings alone are well."""
        return not self.unchecked and not any(finding.severity == "error" for finding in self.findings)
