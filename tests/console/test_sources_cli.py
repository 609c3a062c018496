"""`concord sources`: exit codes, JSON and the table; against a stack whose sources were just made."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from connectors.sources.capture import DEFAULT_ROLE, Capture
from console.cli import main
from dataflows.settings import load_settings
from demo.company import Company, reset
from tests.running_stack import RunningStack


@pytest.fixture
def prepared(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Capture]:
    """The demo's sources in the stack's own databases, empty, unregistered and prepared by the command."""
    settings = load_settings()
    capture = Capture(settings.sources_dir, settings.postgres, settings.connect, settings.registry, DEFAULT_ROLE, "x")
    for source in settings.sources:
        capture.unregister(source)
    reset(Company(settings.postgres))
    assert main(["sources", "prepare"]) == 0
    yield capture
    for source in settings.sources:
        capture.unregister(source)


def test_check_passes_on_prepared_sources(prepared: Capture, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 and a JSON object without findings."""
    capsys.readouterr()
    assert main(["sources", "check", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["well"] is True
    assert answer["findings"] == []


def test_check_fails_with_the_code_and_the_fix(prepared: Capture, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; the finding is in the JSON and its code, unbroken, in the table."""
    with Company(prepared.postgres).connect("billing", autocommit=True) as billing:
        billing.execute("ALTER PUBLICATION concord_billing DROP TABLE usage")
    capsys.readouterr()
    assert main(["sources", "check", "billing", "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["code"] == "PUBLICATION_DIFFERS"
    assert "public.usage" in finding["fix"]
    assert main(["sources", "check", "billing"]) == 1
    assert "PUBLICATION_DIFFERS" in capsys.readouterr().out


def test_an_unknown_source_is_a_usage_error(stack: RunningStack, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the names that would do."""
    assert main(["sources", "check", "nope"]) == 2
    assert "billing, erp, support" in capsys.readouterr().err


def test_register_runs_and_an_unprepared_source_fails_with_the_tasks_error(
    prepared: Capture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 for a prepared source; without its publication 1, and the message is the connector's own."""
    assert main(["sources", "register", "support"]) == 0
    assert "support: RUNNING" in capsys.readouterr().out
    with Company(prepared.postgres).connect("erp", autocommit=True) as erp:
        erp.execute("DROP PUBLICATION concord_erp")
    assert main(["sources", "register", "erp"]) == 1
    assert "Publication autocreation is disabled" in capsys.readouterr().err


def test_a_failed_connector_is_shown_and_restarted(prepared: Capture, capsys: pytest.CaptureFixture[str]) -> None:
    """`concord status` names the failure; `sources restart` fails while its cause is there, and revives it afterwards."""
    with Company(prepared.postgres).connect("erp", autocommit=True) as erp:
        erp.execute("DROP PUBLICATION concord_erp")
    assert main(["sources", "register", "erp"]) == 1
    capsys.readouterr()
    main(["status", "--json"])
    shown = {source["name"]: source for source in json.loads(capsys.readouterr().out)["sources"]}
    assert shown["erp"]["connector"] == "FAILED"
    assert "Publication autocreation is disabled" in shown["erp"]["failure"]
    assert main(["sources", "restart", "erp"]) == 1
    assert "Publication autocreation is disabled" in capsys.readouterr().err
    assert main(["sources", "prepare", "erp"]) == 0
    capsys.readouterr()
    assert main(["sources", "restart", "erp"]) == 0
    assert "erp: restarted, it runs" in capsys.readouterr().out
    assert main(["sources", "restart", "erp"]) == 0
    assert "erp: nothing had failed" in capsys.readouterr().out
