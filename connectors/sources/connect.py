"""Kafka Connect's REST API: fill a connector's template, put it, wait until it runs, restart or delete it.

ConnectError
  ConnectUnreachable      transient: the worker does not answer
  ConnectRejected         terminal: the worker refused the request, with its own sentence
  ConnectorFailed         terminal until the cause is removed: carries the first line of the task's trace
  TemplateError           terminal: connector.json is missing, not JSON, or has a placeholder without a value
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

PLACEHOLDER = re.compile(r"\$\{([a-z0-9_.]+)\}")
#: by when a restart shows in the connector's state
_UNDER_WAY_S = 5.0


class ConnectError(Exception):
    """Base of everything that goes wrong between Concord and Kafka Connect."""


class ConnectUnreachable(ConnectError):
    """The worker does not answer at its address."""


class ConnectRejected(ConnectError):
    """The worker answered with an error of its own."""


class ConnectorFailed(ConnectError):
    """The connector or its task failed, or did not start in time."""


class TemplateError(ConnectError):
    """A connector's template cannot be used."""


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """State of one connector; `tasks` holds (state, first line of the trace, or '') for each task."""

    name: str
    state: str
    tasks: tuple[tuple[str, str], ...]

    @property
    def running(self) -> bool:
        """Whether the connector and all of its tasks (at least one) run."""
        return self.state == "RUNNING" and bool(self.tasks) and all(state == "RUNNING" for state, _ in self.tasks)

    @property
    def failure(self) -> str | None:
        """The first line of the first failed task's trace, or None if nothing failed."""
        for state, trace in self.tasks:
            if state == "FAILED":
                return trace or "the task failed and left no trace"
        return "the connector failed before it had a task" if self.state == "FAILED" else None


def fill(template: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Replace every `${name}` by its value; raises TemplateError naming the placeholder that has none."""

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise TemplateError(
                f"connector template needs ${{{name}}} and nothing gives it. "
                f"Next step: add it to the values, known are {', '.join(sorted(values)) or 'none'}"
            )
        return values[name]

    return {key: PLACEHOLDER.sub(value_of, str(text)) for key, text in template.items()}


def load_template(path: Path) -> dict[str, str]:
    """Read a connector.json; raises TemplateError if it is missing or not a flat JSON object."""
    try:
        template = json.loads(path.read_text())
    except OSError as error:
        raise TemplateError(
            f"{path} cannot be read ({error.strerror}). Next step: add the source's connector.json"
        ) from error
    except json.JSONDecodeError as error:
        raise TemplateError(f"{path} is not JSON ({error}). Next step: correct it") from error
    if not isinstance(template, dict) or any(isinstance(value, dict | list) for value in template.values()):
        raise TemplateError(f"{path} is not a flat JSON object. Next step: write one line per connector setting")
    return {key: str(value) for key, value in template.items()}


class Connect:
    """Client of one Kafka Connect cluster."""

    def __init__(self, url: str, client: httpx.Client | None = None, timeout_s: float = 90.0) -> None:
        """`url` is the worker's REST address; `client` is the seam for tests."""
        self.url = url.rstrip("/")
        self._client = client or httpx.Client(timeout=timeout_s)

    def __enter__(self) -> Connect:
        """Use as a context manager closes the HTTP client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the HTTP client."""
        self._client.close()

    def _call(self, method: str, path: str, body: Any = None, missing_ok: bool = False) -> Any:
        try:
            answer = self._client.request(method, f"{self.url}{path}", json=body)
        except httpx.TransportError as error:
            raise ConnectUnreachable(
                f"Kafka Connect at {self.url} does not answer ({error}). Next step: start it (`concord stack up`) or set CONCORD_CONNECT"
            ) from error
        if answer.status_code == 404 and missing_ok:
            return None
        if answer.status_code >= 400:
            raise ConnectRejected(f"Kafka Connect refused {method} {path} with {answer.status_code}: {_reason(answer)}")
        return answer.json() if answer.content else None

    def connectors(self) -> tuple[str, ...]:
        """Names of all registered connectors."""
        return tuple(sorted(self._call("GET", "/connectors")))

    def versions(self) -> dict[str, str]:
        """Version of each installed connector plugin, by class name."""
        return {plugin["class"]: str(plugin.get("version")) for plugin in self._call("GET", "/connector-plugins")}

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Create the connector or give it this configuration."""
        self._call("PUT", f"/connectors/{name}/config", dict(config))

    def config(self, name: str) -> dict[str, str] | None:
        """The connector's present configuration, or None if it is not registered."""
        found: dict[str, str] | None = self._call("GET", f"/connectors/{name}/config", missing_ok=True)
        return found

    def status(self, name: str) -> ConnectorStatus | None:
        """The connector's state, or None if it is not registered (or not yet known to the worker)."""
        found = self._call("GET", f"/connectors/{name}/status", missing_ok=True)
        if found is None:
            return None
        tasks = tuple((task["state"], _first_line(task.get("trace") or "")) for task in found.get("tasks", ()))
        return ConnectorStatus(name, found["connector"]["state"], tasks)

    def restart(self, name: str) -> None:
        """Restart what has failed of the connector and its tasks; what runs is not touched."""
        self._call("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true")

    def revive(self, name: str, timeout_s: float = 60.0) -> bool:
        """Restart a connector that failed and wait until it runs; False if nothing had failed.

        Raises ConnectorFailed with the task's error where it fails again, ConnectRejected if it is not registered.
        """
        before = self.status(name)
        if before is not None and before.failure is None:
            return False
        self.restart(name)
        with suppress(ConnectorFailed):  # the old failure is shown until the restart is under way; or it failed alike
            self._until(lambda: self.status(name) != before, min(timeout_s, _UNDER_WAY_S), "")
        self.wait_running(name, timeout_s)
        return True

    def delete(self, name: str, offsets: bool = True, timeout_s: float = 20.0) -> bool:
        """Remove the connector; with `offsets` also its source offsets, without which a new one of the same name would resume there."""
        if self.config(name) is None:
            return False
        if offsets:
            self._call("PUT", f"/connectors/{name}/stop")
            self._until(lambda: _stopped(self.status(name)), timeout_s, f"connector {name} did not stop")
            self._call("DELETE", f"/connectors/{name}/offsets")
        self._call("DELETE", f"/connectors/{name}")
        return True

    def wait_running(self, name: str, timeout_s: float = 60.0) -> ConnectorStatus:
        """Wait until the connector and its task run; raises ConnectorFailed with the first line of the task's trace."""

        def running() -> ConnectorStatus | None:
            status = self.status(name)
            if status is not None and status.failure:
                raise ConnectorFailed(
                    f"connector {name} failed: {status.failure.rstrip('.')}. "
                    "Next step: `concord sources check` names most causes; remove it and register again"
                )
            return status if status is not None and status.running else None

        found: ConnectorStatus = self._until(running, timeout_s, f"connector {name} does not run")
        return found

    def _until(self, condition: Any, timeout_s: float, complaint: str) -> Any:
        deadline = time.monotonic() + timeout_s
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > deadline:
                raise ConnectorFailed(f"{complaint} within {timeout_s:.0f} s. Next step: read Kafka Connect's log")
            time.sleep(0.1)


def _stopped(status: ConnectorStatus | None) -> bool:
    return status is not None and status.state == "STOPPED" and not status.tasks


def _first_line(trace: str) -> str:
    """The line that says most: the first one, and the deepest cause if there is another."""
    lines = trace.splitlines()
    causes = [line for line in lines if line.startswith("Caused by: ")]
    first = lines[0].strip() if lines else ""
    return f"{first} ({causes[-1].strip()})" if causes else first


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("message", answer.text))[:500]
    except ValueError:
        return answer.text[:500]
