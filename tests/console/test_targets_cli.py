"""`concord targets`: promises as a table or JSON, and a check that tells a wrong address from a wrong description."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from connectors.targets.description import DescriptionError
from console.exits import Exit
from console.targets_cli import app

runner = CliRunner()


@pytest.fixture(autouse=True)
def served(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both targets are at one server."""
    for name in ("CONCORD_ERP_URL", "CONCORD_SUPPORT_URL"):
        monkeypatch.setenv(name, httpserver.url_for(""))


def test_promises_are_shown() -> None:
    """One row an object, with its tiers and what a write is conditional on."""
    result = runner.invoke(app, ["show", "--json"])
    told = {(one["target"], one["object"]): one for one in json.loads(result.stdout)["targets"]}
    assert set(told) == {
        *(("erp", name) for name in ("invoice", "schedule", "credit")),
        *(("support", name) for name in ("entitlement", "standing")),
    }
    invoice = told["erp", "invoice"]
    assert (invoice["making"], invoice["on_condition_of"], invoice["key_window_hours"]) == ("A", "version", 24)
    assert "invoice" in runner.invoke(app, ["show"]).stdout


def test_a_crm_is_a_target_where_there_is_one(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address; without one nobody is asked for it."""
    monkeypatch.setenv("CONCORD_CRM_URL", httpserver.url_for(""))
    told = json.loads(runner.invoke(app, ["show", "--json"]).stdout)["targets"]
    assert {one["object"] for one in told if one["target"] == "crm"} == {"customer", "escalation"}


def test_check_asks_and_writes_nothing(httpserver: HTTPServer) -> None:
    """Every object is read once, by a name that nobody has; a target that answers is well."""
    httpserver.expect_request(re.compile(".*concord-check"), method="GET").respond_with_json(
        {"code": "NONE"}, status=404
    )
    result = runner.invoke(app, ["check", "--json"])
    assert result.exit_code == Exit.OK, result.stdout
    assert all(one["well"] for one in json.loads(result.stdout)["targets"])
    assert {request.method for request, _ in httpserver.log} == {"GET"}


@pytest.mark.parametrize(
    ("status", "code", "exit_code"), [(401, "LOGIN_REFUSED", Exit.UNREACHABLE), (404, "HTTP_404", Exit.FAILED)]
)
def test_what_is_wrong_is_told_by_target(httpserver: HTTPServer, status: int, code: str, exit_code: Exit) -> None:
    """A refused login can be waited out; a path that does not exist is a wrong description."""
    httpserver.expect_request(re.compile(".*")).respond_with_data("no", status=status)
    result = runner.invoke(app, ["check", "--json"])
    assert result.exit_code == exit_code
    assert {one["code"] for one in json.loads(result.stdout)["targets"]} == {code}


def test_description_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error says which file to add; the command line makes exit code 2 of it."""
    monkeypatch.setenv("CONCORD_TARGETS_DIR", str(tmp_path))
    result = runner.invoke(app, ["show"])
    assert isinstance(result.exception, DescriptionError)
    assert "erp.yaml does not exist" in str(result.exception)
