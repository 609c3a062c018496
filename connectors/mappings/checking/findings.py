"""What `concord mapping check` says: each finding names a place in a file, a code, the problem and the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from connectors.mappings.account import Loc
from connectors.mappings.located_yaml import Located, LocatedError

NEXT_STEP = ". Next step: "
Severity = Literal["error", "warning"]


class MappingFinding(NamedTuple):
    """One thing that is wrong, or worth a look (`warning`)."""

    file: str
    line: int
    column: int
    code: str
    problem: str
    next_step: str
    severity: Severity = "error"

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else "warning: "
        return f"{self.file}:{self.line}:{self.column}: {mark}{self.code}: {self.problem}{NEXT_STEP}{self.next_step}"


class MappingReport(NamedTuple):
    """What was checked, what was not and why, and what was found, in the order of the file."""

    checked: tuple[str, ...]
    unchecked: tuple[tuple[str, str], ...]
    findings: tuple[MappingFinding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong; warnings alone are well."""
        return not any(finding.severity == "error" for finding in self.findings)


def at(
    file: Located, loc: Loc, code: str, problem: str, next_step: str, severity: Severity = "error"
) -> MappingFinding:
    """A finding at a place of the file."""
    return MappingFinding(str(file.path), *file.place(loc), code, problem, next_step, severity)


def of_error(error: LocatedError, code: str, path: Path) -> MappingFinding:
    """A finding that repeats an error of the loader."""
    problem, _, step = error.problem.partition(NEXT_STEP)
    return MappingFinding(str(error.path or path), *(error.place or (1, 1)), code, problem, step or "correct it")
