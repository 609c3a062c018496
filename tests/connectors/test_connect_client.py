"""Kafka Connect's client: templates, and errors that say what the worker or the task said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from connectors.sources.connect import (
    Connect,
    ConnectorFailed,
    ConnectRejected,
    ConnectUnreachable,
    TemplateError,
    fill,
    load_template,
)

Handler = Callable[[httpx.Request], httpx.Response]


def connect(handler: Handler) -> Connect:
    """A client whose worker is the handler."""
    return Connect("http://worker", httpx.Client(transport=httpx.MockTransport(handler)))


def status(state: str, trace: str = "") -> httpx.Response:
    """The worker's answer for a connector with one task in this state."""
    tasks = [{"id": 0, "state": state, "trace": trace}]
    return httpx.Response(200, json={"name": "billing", "connector": {"state": "RUNNING"}, "tasks": tasks})


def test_placeholders_are_filled_and_a_missing_one_is_named() -> None:
    """Every ${name} gets its value; one without a value is refused, never passed on."""
    assert fill({"a": "${x}-${y.z}", "b": "2"}, {"x": "1", "y.z": "3"}) == {"a": "1-3", "b": "2"}
    with pytest.raises(TemplateError, match=r"\$\{database\.password\}"):
        fill({"a": "${database.password}"}, {"x": "1"})


@pytest.mark.parametrize("text", ["{", "[]", '{"a": {"b": "c"}}'])
def test_a_template_that_is_no_flat_object_is_refused(tmp_path: Path, text: str) -> None:
    """The file is named."""
    path = tmp_path / "connector.json"
    path.write_text(text)
    with pytest.raises(TemplateError, match=r"connector\.json"):
        load_template(path)


def test_every_source_of_the_demo_has_a_template_that_fills() -> None:
    """The three templates need exactly the values that the capture gives."""
    values = {f"database.{name}": "x" for name in ("hostname", "port", "user", "password", "dbname")}
    for path in sorted((Path(__file__).parents[2] / "debezium").glob("*/connector.json")):
        filled = fill(load_template(path), values | {"registry.url": "http://registry"})
        assert "${" not in json.dumps(filled)


def test_a_failed_task_raises_the_first_line_of_its_trace() -> None:
    """The cause is in the message, not in a log somewhere; the deepest cause is added."""
    trace = (
        "org.x.ConnectException: no publication\n\tat org.x.Y\nCaused by: org.z.PSQLException: it is gone\n\tat org.z.Q"
    )
    with pytest.raises(ConnectorFailed, match=r"no publication \(Caused by: org\.z\.PSQLException: it is gone\)"):
        connect(lambda request: status("FAILED", trace)).wait_running("billing")


def test_waiting_goes_on_until_the_task_runs() -> None:
    """Not registered yet, then unassigned, then running."""
    answers = iter([httpx.Response(404, json={}), status("UNASSIGNED"), status("RUNNING")])
    assert connect(lambda request: next(answers)).wait_running("billing").running


def test_waiting_ends_with_a_sentence() -> None:
    """A task that never starts ends in an error that names the connector."""
    with pytest.raises(ConnectorFailed, match="connector billing does not run within 0 s"):
        connect(lambda request: status("UNASSIGNED")).wait_running("billing", timeout_s=0.0)


def test_a_refusal_carries_the_workers_own_words() -> None:
    """400 with a message."""
    refuse = connect(lambda request: httpx.Response(400, json={"error_code": 400, "message": "slot.name is invalid"}))
    with pytest.raises(ConnectRejected, match=r"slot\.name is invalid"):
        refuse.put("billing", {})


def test_no_answer_names_the_address_and_the_next_step() -> None:
    """Nobody listens on port 1."""
    with pytest.raises(ConnectUnreachable, match=r"127\.0\.0\.1:1 .*Next step"):
        Connect("http://127.0.0.1:1").connectors()


def test_deleting_stops_the_connector_and_forgets_its_offsets_first() -> None:
    """A connector of the same name on another database would otherwise resume at a foreign position."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(f"{request.method} {request.url.path}")
        if request.url.path.endswith("/status"):
            return httpx.Response(200, json={"connector": {"state": "STOPPED"}, "tasks": []})
        return httpx.Response(200, json={})

    assert connect(handler).delete("billing")
    assert calls == [
        "GET /connectors/billing/config",
        "PUT /connectors/billing/stop",
        "GET /connectors/billing/status",
        "DELETE /connectors/billing/offsets",
        "DELETE /connectors/billing",
    ]


def test_deleting_what_is_not_there_is_no_error() -> None:
    """It answers False."""
    assert not connect(lambda request: httpx.Response(404, json={})).delete("billing")


def test_reviving_restarts_only_what_failed() -> None:
    """The old failure may still be shown for a moment; then the connector runs. What runs is not asked to restart."""
    states = iter(["FAILED", "FAILED", "RESTARTING", "RUNNING"])
    posts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            posts.append(f"{request.url.path}?{request.url.query.decode()}")
            return httpx.Response(202, json={})
        return status(next(states, "RUNNING"), "gone")

    worker = connect(handler)
    assert worker.revive("billing")
    assert posts == ["/connectors/billing/restart?includeTasks=true&onlyFailed=true"]
    assert not worker.revive("billing")
    assert len(posts) == 1


def test_reviving_what_fails_again_says_why() -> None:
    """The task's own error, not a timeout."""
    states = iter(["FAILED", "RESTARTING"])

    def handler(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(202, json={}) if request.method == "POST" else status(next(states, "FAILED"), "still gone")
        )

    with pytest.raises(ConnectorFailed, match="still gone"):
        connect(handler).revive("billing")
