"""A user's mistake ends a flow at its start with one line and a documented exit code: never a traceback, never half a start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest

from connectors.exposition import METRICS, serve
from connectors.mappings.loading import MappingError
from connectors.mappings.ownership import OwnershipError
from connectors.ports import PortTaken, demand
from connectors.registry import RegistryUnavailable, SchemaRefused
from connectors.sources.connect import ConnectRejected
from connectors.sources.database import SourceUnreachable
from console.cli import main
from console.exits import Exit
from console.failures import explain
from stack.errors import StackError, WrongSetting
from tests.connectors.valkey import free_port

Output = pytest.CaptureFixture[str]
#: below those that outgoing connections take, and used by no stack
PORTS = range(24_001, 24_400, 2)
FLOWS = {"canonical": 0, "dispatch": 10, "lookup": 11}


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack file, and addresses where nobody listens: a refused start must not need them."""
    monkeypatch.setenv("CONCORD_STACK_DIR", str(tmp_path))
    monkeypatch.setenv("CONCORD_KAFKA", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("CONCORD_REGISTRY", f"http://127.0.0.1:{free_port()}")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on; nobody does on the one before it, nor does anybody call from there."""
    for port in PORTS:
        with socket.socket() as other, suppress(OSError):
            other.bind(("127.0.0.1", port))
            with socket.socket() as before:
                before.bind(("127.0.0.1", port - 1))
            other.listen()
            yield port
            return
    pytest.fail(f"no two ports in {PORTS} are free")


def one_line(capsys: Output) -> str:
    """What the user sees: one line on standard error."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err


def test_a_preview_of_facts_needs_a_broker(capsys: Output) -> None:
    """Exit code 5 and Kafka's address: nobody listens there."""
    assert (
        main(["mapping", "preview", "debezium/billing", "--against", "debezium/billing", "--facts"]) == Exit.UNREACHABLE
    )
    assert "Kafka at 127.0.0.1:" in one_line(capsys)


@pytest.mark.parametrize("flow", FLOWS)
def test_taken_metrics_port_is_named(flow: str, taken: int, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Exit code 2; the line names the port and the setting. Nothing is fenced or created before: there is no broker."""
    monkeypatch.setenv("CONCORD_METRICS_PORT", str(taken - FLOWS[flow]))
    assert main(["run", flow]) == Exit.USAGE
    line = one_line(capsys)
    assert f"port {taken} " in line
    assert "CONCORD_METRICS_PORT" in line


def test_ports_of_every_process_are_asked_for(taken: int, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """The second process shows its metrics on the next port: if that is taken, the first one does not start either."""
    monkeypatch.setenv("CONCORD_METRICS_PORT", str(taken - 1))
    assert main(["run", "canonical", "--processes", "2"]) == Exit.USAGE
    assert f"port {taken} " in one_line(capsys)


def test_taken_port_between_processes_is_named(taken: int, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """The engine itself would panic; the line names the port and CONCORD_CLUSTER_PORT."""
    monkeypatch.setenv("CONCORD_METRICS_PORT", "0")
    monkeypatch.setenv("CONCORD_CLUSTER_PORT", str(taken - 1))
    assert main(["run", "canonical", "--processes", "2"]) == Exit.USAGE
    line = one_line(capsys)
    assert f"port {taken} " in line
    assert "CONCORD_CLUSTER_PORT" in line


def test_a_port_is_demanded_without_keeping_it(taken: int) -> None:
    """A free port is still free afterwards."""
    port = free_port()
    demand(port, *METRICS)
    serve(port)()
    with pytest.raises(PortTaken):
        demand(taken, *METRICS, patience_s=0.0)


def test_a_port_may_become_free_a_moment_later() -> None:
    """The children of a flow that was just killed still hold it; the next start waits for them."""
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    timer = Timer(0.3, other.close)
    timer.start()
    demand(other.getsockname()[1], *METRICS, patience_s=30.0)
    timer.join()


@pytest.mark.parametrize("flow", ["canonical", "dispatch"])
@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("CONCORD_OWNERSHIP", "/nowhere/ownership.yaml", "/nowhere/ownership.yaml"),
        ("CONCORD_CONTRACTS_DIR", "/nowhere", "/nowhere/account.avsc"),
    ],
)
def test_missing_file_is_named(
    flow: str, variable: str, value: str, named: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Rules or contracts that are not there."""
    monkeypatch.setenv("CONCORD_METRICS_PORT", "0")
    monkeypatch.setenv(variable, value)
    assert main(["run", flow]) == Exit.USAGE
    assert named in one_line(capsys)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [("source: other", ":1:1: "), ("source: [", ":1:"), ("", ":1:1: the file is empty")],
)
def test_wrong_mapping_is_named_with_its_line(
    broken: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """File, line and column."""
    (tmp_path / "crm").mkdir()
    path = tmp_path / "crm" / "mapping.yaml"
    path.write_text(broken)
    monkeypatch.setenv("CONCORD_METRICS_PORT", "0")
    monkeypatch.setenv("CONCORD_SOURCES_DIR", str(tmp_path))
    monkeypatch.setenv("CONCORD_SOURCES", '["crm"]')
    assert main(["run", "canonical"]) == Exit.USAGE
    assert f"{path}{complaint}" in one_line(capsys)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MappingError("m"), Exit.USAGE),
        (OwnershipError("o"), Exit.USAGE),
        (PortTaken("p"), Exit.USAGE),
        (WrongSetting("s", "n"), Exit.USAGE),
        (StackError("s", "n"), Exit.FAILED),
        (SourceUnreachable("d"), Exit.UNREACHABLE),
        (RegistryUnavailable("r"), Exit.UNREACHABLE),
        (SchemaRefused("s", ["r"]), Exit.FAILED),
        (ConnectRejected("c"), Exit.FAILED),
    ],
)
def test_every_expected_error_has_its_exit_code(error: Exception, code: Exit) -> None:
    """One line and a code that docs/cli.md documents."""
    known = explain(error, None)
    assert known is not None
    assert known[1] == code
    assert "\n" not in known[0]


def test_a_bug_keeps_its_traceback() -> None:
    """What is not expected is raised again by the command."""
    assert explain(KeyError("bug"), None) is None
