"""Tryton and Request Tracker as components: started only when named, and what keeps Request Tracker away is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack import supervisor
from stack.errors import StackError, WrongSetting
from stack.layout import layout_from
from stack.real import request_tracker, tryton
from stack.real.program import Database, run, secret, secret_file
from stack.roster import ALL, COMPONENTS, TARGET_SYSTEMS, closure
from tests.running_stack import RunningStack


def test_target_systems_come_only_when_they_are_named() -> None:
    """`concord stack up` alone never installs a package; a named one brings PostgreSQL along."""
    assert set(TARGET_SYSTEMS) == {"tryton", "request-tracker"}
    assert not set(closure(None)) & set(TARGET_SYSTEMS)
    assert closure(["tryton"]) == ["postgres", "tryton"]
    assert set(ALL) == set(COMPONENTS) | set(TARGET_SYSTEMS)


def test_everything_that_can_run_is_stopped_with_the_rest() -> None:
    """Stopping goes in waves; what is in none of them would outlive `concord stack down`."""
    assert sorted(name for wave in supervisor.WAVES for name in wave) == sorted(ALL)


@pytest.mark.parametrize(
    ("apt", "root", "words"), [(False, True, "no apt-get"), (True, False, "only root"), (True, True, None)]
)
def test_what_keeps_request_tracker_away_is_said(
    monkeypatch: pytest.MonkeyPatch, apt: bool, root: bool, words: str | None
) -> None:
    """Where it is not installed: it needs apt and root, and whichever is missing is named."""
    monkeypatch.setattr(request_tracker, "SERVER", Path("/nowhere/rt-server"))
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/apt-get" if apt else None)
    monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
    reason = request_tracker.obstacle()
    assert (reason is None) == (words is None)
    assert words is None or words in (reason or "")


def test_system_without_password_says_what_to_start(tmp_path: Path) -> None:
    """Asking for the login of a system that this stack never had names the command."""
    here = layout_from({"CONCORD_STACK_DIR": str(tmp_path)})
    for ask in (tryton.password, request_tracker.password):
        with pytest.raises(StackError, match="concord stack up"):
            ask(here)


def test_passwords_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    """The same at each call, another one for each system, readable by the owner alone."""
    here = layout_from({"CONCORD_STACK_DIR": str(tmp_path)})
    one = secret(here, "tryton")
    assert one == secret(here, "tryton") != secret(here, "request-tracker")
    assert secret_file(here, "tryton").stat().st_mode & 0o077 == 0


def test_failed_installer_is_told_with_its_last_words(tmp_path: Path) -> None:
    """The exit code, the last lines and where all of it is."""
    log = tmp_path / "install.log"
    with pytest.raises(StackError, match=r"installing it failed with exit code 3:\n  no such package") as raised:
        run("installing it", ["/bin/sh", "-c", "echo no such package; exit 3"], log)
    assert str(log) in raised.value.next_step
    assert "no such package" in log.read_text()


def test_database_of_an_interrupted_start_is_made_anew(stack: RunningStack) -> None:
    """A database has its name only when it is complete: the draft of a killed start is dropped, not taken for the real one."""
    database = Database(stack.layout, "half_made")
    database.begin(create=True)
    assert not database.exists()
    database.begin(create=True)
    database.complete()
    assert database.exists()


def test_unknown_component_is_refused_with_the_known_names() -> None:
    """The message lists the target systems, too."""
    with pytest.raises(WrongSetting, match="tryton, request-tracker"):
        closure(["odoo"])
