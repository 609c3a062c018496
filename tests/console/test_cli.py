"""`concord`: exit codes that scripts can rely on, one line for what is expected, answers for people and programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.lookup_store.reader import Lookup, Versioned
from connectors.lookup_store.store_state import LIVE, state_fields
from console.cli import main
from console.exits import Exit
from state.cuts import Progress
from tests.connectors.valkey import PrivateValkey, free_port

NOW_MS = time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateValkey]:
    """A look-up store with account A-1 and one invoice, a second old in billing, a minute old in the ERP."""
    with PrivateValkey(Path(tmp_path_factory.mktemp("valkey"))) as server:
        store = Lookup(server.url, "concord.")
        store.begin(store.state())
        progress = Progress(
            7, {"billing": 700, "erp": 70}, {"billing": NOW_MS - 1_000, "erp": NOW_MS - 60_000}, live=True
        )
        records = [
            Versioned(
                "account",
                "A-1",
                7,
                0,
                1,
                "A-1",
                json.dumps({"id": "A-1", "standing": "good", "balances": {"EUR": 2**60 + 1}}),
            ),
            Versioned(
                "invoice",
                "I-1",
                7,
                0,
                1,
                "A-1",
                json.dumps({"id": "I-1", "account": "A-1", "total_minor": 2**60 + 1, "currency": "EUR"}),
            ),
        ]
        store.apply(store.state().token, state_fields(LIVE, 7, progress, {}, {}), records)
        store.close()
        yield server


@pytest.fixture(autouse=True)
def settings(valkey: PrivateValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack file, the store of this file."""
    monkeypatch.setenv("CONCORD_STACK_DIR", str(tmp_path))
    monkeypatch.setenv("CONCORD_REDIS", valkey.url)


Output = pytest.CaptureFixture[str]


def test_exit_codes_never_change() -> None:
    """Scripts rely on the numbers."""
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "REFUSED": 3,
        "UNKNOWN_ACCOUNT": 4,
        "UNREACHABLE": 5,
    }


def one_line(capsys: Output) -> str:
    """Standard error, which must be one line; nothing may be on standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_account_is_one_exact_json_object(capsys: Output) -> None:
    """--json prints the account, its objects, commit, frontier and age; amounts are integers to the last unit."""
    assert main(["account", "A-1", "--json"]) == Exit.OK
    answer = json.loads(capsys.readouterr().out)
    assert (answer["commit"], answer["frontier"]) == (7, {"billing": 700, "erp": 70})
    assert answer["account"]["balances"] == {"EUR": 2**60 + 1}
    assert answer["objects"]["invoice"][0]["total_minor"] == 2**60 + 1
    assert answer["age_ms"]["billing"] >= 1_000
    assert answer["age_ms"]["erp"] - answer["age_ms"]["billing"] == 59_000


def test_account_for_people_says_what_it_is_true_of(capsys: Output) -> None:
    """The text shows the frontier with ages, the objects, and the amounts unabridged."""
    assert main(["account", "A-1"]) == Exit.OK
    out = capsys.readouterr().out
    assert "commit 7" in out
    assert "billing up to 700" in out
    assert str(2**60 + 1) in out


def test_unknown_account_ends_with_its_own_code(capsys: Output) -> None:
    """A missing account is not an empty one: exit code 4 and a line that names it."""
    assert main(["account", "A-2"]) == Exit.UNKNOWN_ACCOUNT
    assert "A-2" in one_line(capsys)


@pytest.mark.parametrize(
    "demand", [["--min-frontier", "billing=701"], ["--max-age-ms", "50000"], ["--min-frontier", "crm=1"]]
)
def test_old_answer_is_refused(demand: list[str], capsys: Output) -> None:
    """A reader that demands more than the store has gets exit code 3 and no answer."""
    assert main(["account", "A-1", *demand, "--json"]) == Exit.REFUSED
    assert "Next step" in one_line(capsys)


def test_good_enough_answer_is_given(capsys: Output) -> None:
    """Demands that the store meets change nothing."""
    demand = ["--min-frontier", "billing=700", "--min-frontier", "erp=70", "--max-age-ms", "3600000"]
    assert main(["account", "A-1", *demand]) == Exit.OK


def test_store_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Exit code 5, one line with service, address and next step."""
    address = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("CONCORD_REDIS", address)
    assert main(["account", "A-1"]) == Exit.UNREACHABLE
    line = one_line(capsys)
    assert "Redis" in line
    assert address in line
    assert "Next step" in line


@pytest.mark.parametrize("command", [["status"], ["run", "lookup"]])
def test_broker_that_is_down_is_named(command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Without Kafka there is nothing to say: exit code 5, its address and the next step."""
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("CONCORD_KAFKA", address)
    monkeypatch.setenv("CONCORD_METRICS_PORT", "0")
    assert main(command) == Exit.UNREACHABLE
    line = one_line(capsys)
    assert address in line
    assert "Next step" in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONCORD_EPOCH_MS", "fast"),
        ("CONCORD_PARTITIONS", "0"),
        ("CONCORD_SOURCES", "billing"),
        ("CONCORD_METRICS_PORT", "70000"),
        ("CONCORD_LOG_LEVEL", "loud"),
        ("CONCORD_KAFKA", "broker"),
        ("CONCORD_REGISTRY", "registry:8081"),
        ("CONCORD_REDIS", "localhost"),
        ("CONCORD_POSTGRES", "localhost"),
        ("CONCORD_PREFIX", "a/b"),
        ("CONCORD_SOURCES", "[]"),
    ],
)
def test_wrong_setting_is_one_line(variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """A setting of the wrong form or size ends every command with 2 and a line that names it."""
    monkeypatch.setenv(variable, value)
    assert main(["account", "A-1"]) == Exit.USAGE
    assert variable in one_line(capsys)


def test_wrong_argument_is_explained(capsys: Output) -> None:
    """A demand that is no SOURCE=POSITION ends with 2 and an example."""
    assert main(["account", "A-1", "--min-frontier", "billing"]) == Exit.USAGE
    assert "billing=26741912" in capsys.readouterr().err


def test_overview_lists_the_commands(capsys: Output) -> None:
    """--help names every command that is there."""
    assert main(["--help"]) == Exit.OK
    out = capsys.readouterr().out
    assert all(word in out for word in ("run", "account", "status", "stack", "sources"))
