"""A target that speaks REST, driven by its description file: httpx, stamina for reads, pybreaker, Retry-After obeyed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from connectors.targets import values
from connectors.targets.description import Description
from connectors.targets.guard import NOT_SENT, Guard, retry_after_s, utc_now
from connectors.targets.http_client import open_client
from connectors.targets.protocol import (
    BusinessRefusal,
    Conflict,
    Declared,
    InDoubt,
    LoginRefused,
    Misconfigured,
    NotYet,
    Snapshot,
    TargetError,
    Throttled,
    TransientError,
    Unreachable,
    Write,
)
from state.correcting.lane import Promise


def _trace(description: Description) -> str | None:
    """Where a write's trace can be read, for people."""
    places = [*description.trace.places.values(), *([description.key.header] if description.key else [])]
    return ", ".join(places) or None


class RestTarget:
    """One REST target; a `login` with a name is sent as HTTP Basic.

    `transport` replaces the network in tests; `now` is the clock for Retry-After dates and the breaker.
    """

    def __init__(
        self,
        description: Description,
        base_url: str,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], datetime] = utc_now,
        login: tuple[str, str] = ("", ""),
    ) -> None:
        self.name = description.target
        self._description = description
        self._now = now
        key = description.key
        self.promise = Promise(
            tier=description.tier,
            concurrency=description.concurrency,
            resources={name: part.resource for name, part in description.objects.items()},
            key_window_ms=int(key.window_hours * 3_600_000) if key else None,
            conditional=description.version is not None,
        )
        self.declares = {
            name: Declared(
                frozenset(part.fields),
                tier_create=description.tier,
                tier_update=description.tier,
                conditioned_by=description.version.field if description.version else None,
                key_window_hours=key.window_hours if key else None,
                search=part.path,
                trace=_trace(description),
            )
            for name, part in description.objects.items()
        }
        self._client = open_client(
            base_url,
            description.timeouts,
            description.concurrency,
            {"Accept": "application/json"},
            transport,
            login if login[0] else None,
        )
        self._guard = Guard(self.name, description.breaker, now)

    def read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        """The row, or None for 404. Failed reads are tried again a few times. Raises TargetError."""
        return self._guard.read(lambda: self._read(object_name, place))

    def write(self, write: Write) -> None:
        """One PUT, never repeated here. Raises TargetError."""
        self._guard.call(lambda: self._write(write))

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """Nothing: a PUT names its object, so a repeat changes the same one."""
        return {}

    def shows(self, object_name: str, snapshot: Snapshot, desired: Mapping[str, str]) -> bool:
        """Whether every desired field is shown, compared by its described type."""
        kinds = self._description.objects[object_name].fields
        return all(
            name in snapshot.fields and values.equal(snapshot.fields[name], text, kinds[name])
            for name, text in desired.items()
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _path(self, object_name: str, place: Mapping[str, str]) -> str:
        part = self._description.objects.get(object_name)
        if part is None:
            raise Misconfigured(
                "NOT_WRITABLE", f"{self.name} has no object {object_name!r}. Next step: see its description"
            )
        try:
            return part.path.format_map({name: quote(text, safe="") for name, text in place.items()})
        except KeyError as error:
            reason = (
                f"the path {part.path} of {self.name} needs {error}. Next step: correct the description or the rule"
            )
            raise Misconfigured("BAD_PLACE", reason) from error

    def _read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        try:
            answer = self._client.get(self._path(object_name, place))
        except httpx.RequestError as error:
            raise Unreachable("UNREACHABLE", f"{self.name} could not be read ({error!r})") from error
        if answer.status_code == 404 and self._says(answer).get(self._description.errors.code) is not None:
            return None
        if answer.status_code != 200:
            error_seen = self._error(answer)
            if isinstance(error_seen, InDoubt):
                raise TransientError(error_seen.code, error_seen.reason)
            raise error_seen
        body = self._says(answer)
        kinds = self._description.objects[object_name].fields
        version = self._description.version
        token = body.get(version.field) if version else None
        fields = {name: values.to_text(body[name], kind) for name, kind in kinds.items() if name in body}
        return Snapshot(fields, None if token is None else str(token))

    def _write(self, write: Write) -> None:
        path = self._path(write.object, write.place)
        kinds = self._description.objects[write.object].fields
        if unknown := sorted(set(write.desired) - set(kinds)):
            reason = (
                f"{self.name} cannot write the field {unknown[0]!r} of {write.object}. Next step: see its description"
            )
            raise Misconfigured("NOT_WRITABLE", reason)
        body = {name: values.to_json(text, kinds[name]) for name, text in write.desired.items()}
        told = write.trace.parts
        body |= {field: told[part] for part, field in self._description.trace.places.items()}
        try:
            answer = self._client.put(path, json=body, headers=self._conditions(write))
        except NOT_SENT as error:
            raise Unreachable("UNREACHABLE", f"no connection to {self.name} ({error!r})") from error
        except httpx.RequestError as error:
            raise InDoubt("NO_ANSWER", f"{self.name} was asked and did not answer ({error!r})") from error
        if not answer.is_success:
            raise self._error(answer)

    def _conditions(self, write: Write) -> dict[str, str]:
        """The headers that make a write happen once, and only on the version that was read."""
        headers = {}
        if key := self._description.key:
            headers[key.header] = write.key
        if version := self._description.version:
            if write.token is None:
                headers[version.absent_header] = version.absent_value
            else:
                headers[version.match_header] = version.match_format.format(token=write.token)
        return headers

    def _says(self, answer: httpx.Response) -> dict[str, Any]:
        """The body of an answer, numbers with a point as Decimal; empty where it is not a JSON object."""
        try:
            body = json.loads(answer.content, parse_float=Decimal)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    def _error(self, answer: httpx.Response) -> TargetError:
        """What an answer that is not a success means, by the description."""
        described, body, status = self._description.errors, self._says(answer), answer.status_code
        code = str(body.get(described.code) or f"HTTP_{status}")
        reason = f"{self.name} answered {status}: {body.get(described.message) or answer.reason_phrase}"
        asked = retry_after_s(answer, self._now())
        if code in described.not_yet:
            return NotYet(code, reason, asked)
        if status == 401:
            return LoginRefused(self.name, reason)
        if status in described.throttled:
            return Throttled(code, reason, asked)
        if status in described.conflict:
            return Conflict(code, reason)
        if status in described.refused:
            hidden = (described.code, described.message)
            return BusinessRefusal(code, reason, {k: str(v) for k, v in body.items() if k not in hidden})
        if status >= 500:
            return InDoubt(code, reason)
        return Misconfigured(
            code, f"{reason}. Next step: check the address, credentials and description of {self.name}"
        )
