"""Runs the tests in two processes: those on the shared stack here, all others beside them in a second pytest.

The second one has the crash tests, on a stack of their own whose components they kill, and what needs no stack. Its reports
are taken over one by one, so that failures, counts, reasons and the closing line are those of one run. (Groups of the
pytest-xdist of today do nothing with the pytest of today, and tests that share a stack must not be torn apart.)
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms import CHAOS, STACK, group_of, room_of
from tests.running_stack import fresh_stacks

ROOT = Path(__file__).resolve().parent.parent
OPTION, REPORTS = "--side-by-side", "--write-reports"
#: exit codes after which every test has been reported
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
_TAIL_CHARACTERS = 4000
_END_SECONDS = 60.0


def add_options(parser: pytest.Parser) -> None:
    """One for people and make, one between the two processes."""
    group = parser.getgroup("concord")
    group.addoption(OPTION, action="store_true", help="run what does not need the shared stack in a second process")
    group.addoption(REPORTS, metavar="FILE", help="write each report as a line of JSON: how the second process answers")


def plugins(config: pytest.Config) -> Iterator[object]:
    """What the options ask for."""
    if config.getoption(OPTION) and not config.getoption("collectonly"):
        yield Here()
    if (path := config.getoption(REPORTS)) is not None:
        yield Beside(config, Path(path))


def _end(second: subprocess.Popen[bytes]) -> None:
    """As ^C does, so that it takes its own stack down."""
    second.send_signal(signal.SIGINT)
    try:
        second.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        second.kill()


class Beside:
    """Plugin of the second process."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        """Nothing is reported yet."""
        self._config, self._path = config, path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One line, complete when the next one begins."""
        told = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._path.open("a") as out:
            out.write(json.dumps(told) + "\n")


class Here:
    """Plugin of the first process: gives tests away, and takes their reports."""

    def __init__(self) -> None:
        """Nothing is given away yet."""
        self._given: dict[str, tuple[str, int | None, str]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the users of the shared stack; the crash tests come last beside them."""
        kept = {STACK} if fresh_stacks() else {STACK, CHAOS}
        groups = {item: group_of(room_of(item.path), getattr(item, "fixturenames", ())) for item in items}
        others = sorted((one for one in items if groups[one] not in kept), key=lambda one: groups[one] == CHAOS)
        self._given = {item.nodeid: item.location for item in others}
        items[:] = [item for item in items if groups[item] in kept]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Start the second process, run what is kept, wait for the other and take its reports."""
        if not self._given:
            return (yield)
        session.testscollected += len(self._given)
        with tempfile.TemporaryDirectory() as folder:
            reports, output, asked = (Path(folder) / name for name in ("reports", "output", "asked"))
            asked.write_text("\n".join(self._given))
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", REPORTS, str(reports), f"@{asked}"]
            with output.open("w") as out:
                second = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                outcome = yield
                code = second.wait()
            except BaseException:  # broad: however the first one ends, the second one must not go on alone
                _end(second)
                raise
            self._take(session, reports)
            tail = output.read_text()[-_TAIL_CHARACTERS:]
            for nodeid, location in self._given.items():  # those that nobody has told of
                reason, tail = f"the second process ended with code {code} and has not reported this test\n{tail}", ""
                lost = pytest.TestReport(nodeid, location, {}, "failed", reason, "setup")
                session.config.hook.pytest_runtest_logreport(report=lost)
        if code not in _COMPLETE and not self._given:
            raise RuntimeError(f"the second process ended with code {code}\n{tail}")
        return outcome

    def _take(self, session: pytest.Session, path: Path) -> None:
        """Report what the other has run as if it had been run here."""
        hook = session.config.hook
        for line in path.read_text().splitlines() if path.exists() else ():
            report = hook.pytest_report_from_serializable(config=session.config, data=json.loads(line))
            if report.when == "setup":
                hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
            hook.pytest_runtest_logreport(report=report)
            if report.when == "teardown":
                del self._given[report.nodeid]
                hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
