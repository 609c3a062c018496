"""`concord stack`: exit codes that scripts can rely on, one error with its next step, JSON where it helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.exits import Exit
from console.stack_cli import app
from stack.layout import EXTERNAL
from stack.roster import COMPONENTS

runner = CliRunner()


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack folder in which nothing was ever started."""
    monkeypatch.setenv("CONCORD_STACK_DIR", str(tmp_path))
    monkeypatch.setenv("CONCORD_PORT_BASE", "26400")
    for variable in EXTERNAL.values():
        monkeypatch.delenv(variable, raising=False)


def test_status_of_nothing_is_exit_code_3() -> None:
    """A script can wait for the stack by the exit code alone."""
    result = runner.invoke(app, ["status", "--json"])
    assert result.exit_code == Exit.REFUSED
    found = json.loads(result.stdout)
    assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(COMPONENTS, "stopped")


def test_stopping_nothing_is_done(tmp_path: Path) -> None:
    """down and wipe may be repeated."""
    for verb in ("down", "wipe"):
        result = runner.invoke(app, [verb, "--json"])
        assert (result.exit_code, json.loads(result.stdout)) == (Exit.OK, {"stopped": []})


def test_an_error_is_one_message_with_a_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong setting: exit code 2, nothing on standard output, no traceback."""
    monkeypatch.setenv("CONCORD_PORT_BASE", "7")
    result = runner.invoke(app, ["up"])
    assert result.exit_code == Exit.USAGE
    assert result.stdout == ""
    assert result.stderr.startswith("Error: CONCORD_PORT_BASE is '7'")
    assert "\nNext step: unset it" in result.stderr


def test_an_unknown_component_is_refused() -> None:
    """The message lists the components."""
    result = runner.invoke(app, ["up", "zookeeper"])
    assert result.exit_code == Exit.USAGE
    assert "postgres, kafka, registry, connect, redis" in result.stderr


def test_up_starts_one_component_and_says_where_it_is(tmp_path: Path) -> None:
    """`up redis` starts Valkey alone, writes stack.json and prints the same as JSON; down ends it, wipe removes it."""
    result = runner.invoke(app, ["up", "redis", "--json"])
    try:
        assert result.exit_code == Exit.OK, result.stderr
        assert json.loads(result.stdout) == json.loads((tmp_path / "stack.json").read_text())
        assert runner.invoke(app, ["status"]).exit_code == Exit.REFUSED  # the others do not run
    finally:
        stopped = runner.invoke(app, ["down", "--json"])
    assert json.loads(stopped.stdout) == {"stopped": ["redis"]}
    assert not (tmp_path / "stack.json").exists()
    assert (tmp_path / "data" / "redis").exists()
    runner.invoke(app, ["wipe"])
    assert not (tmp_path / "data").exists()
