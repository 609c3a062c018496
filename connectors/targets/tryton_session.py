"""Talks JSON-RPC with Tryton: one session, exact numbers, and every answer turned into the error that says what to do next."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx

from connectors.targets.description import Timeouts
from connectors.targets.guard import NOT_SENT, retry_after_s, utc_now
from connectors.targets.http_client import open_client
from connectors.targets.protocol import (
    BusinessRefusal,
    Conflict,
    InDoubt,
    LoginRefused,
    Misconfigured,
    TargetError,
    Throttled,
    TransientError,
    Unreachable,
)

Row = dict[str, Any]
#: of what Tryton says no more than this many characters are told on
TEXT_MAX = 400


def encoded(value: Any) -> Any:
    """JSON's hook for what it does not know: amounts and days, in Tryton's own form."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"{type(value).__name__} cannot be sent to Tryton")


def decoded(value: Row) -> Any:
    """The way back; anything else that Tryton marks with a class stays as it is."""
    kind = value.get("__class__")
    if kind == "Decimal":
        return Decimal(value["decimal"])
    if kind == "date":
        return date(value["year"], value["month"], value["day"])
    if kind == "datetime":
        parts = (value[name] for name in ("year", "month", "day", "hour", "minute", "second", "microsecond"))
        return datetime(*parts)  # noqa: DTZ001 - Tryton's columns are UTC without saying so; the reader knows
    return value


class TrytonSession:
    """One login shared by all senders; a session that has ended is begun again by itself."""

    def __init__(
        self,
        base_url: str,
        database: str,
        user: str,
        password: str,
        timeouts: Timeouts,
        concurrency: int,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._user, self._password, self._now = user, password, now
        self._path = f"/{database}/rpc/"
        self._client = open_client(base_url, timeouts, concurrency, {"Content-Type": "application/json"}, transport)
        self._login_lock = threading.Lock()
        self._session: str | None = None

    def read(self, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """Call a method without effect: no answer is only a failed read. Raises TargetError."""
        try:
            return self.write(method, *params, context=context)
        except InDoubt as error:
            raise TransientError(error.code, error.reason) from error

    def write(self, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """Call a method once; `_timestamp` in the context makes it conditional. Raises TargetError."""
        for last in (False, True):
            session = self._session or self._login(None)
            answer = self._post(method, [*params, dict(context or {})], session)
            if answer.status_code not in (401, 403):
                return self._result(answer)
            if last:
                break
            self._login(session)
        raise LoginRefused("tryton", f"tryton answered {answer.status_code} to {method} although it had let us in")

    def close(self) -> None:
        """Close the connections; the session ends by itself."""
        self._client.close()

    def _login(self, stale: str | None) -> str:
        """A session that is not `stale`; of several senders that need one, one asks for it."""
        with self._login_lock:
            if self._session is not None and self._session != stale:
                return self._session
            answer = self._post("common.db.login", [self._user, {"password": self._password}, "en"], None)
            if answer.status_code in (401, 403):
                self._session = None
                raise LoginRefused("tryton", f"tryton answered {answer.status_code} to the login of {self._user!r}")
            try:
                number, token = self._result(answer)[:2]
            except InDoubt as error:  # nothing was asked of it yet
                raise TransientError(error.code, error.reason) from error
            words = f"{self._user}:{number}:{token}".encode()
            self._session = "Session " + base64.b64encode(words).decode()
            return self._session

    def _post(self, method: str, params: list[Any], session: str | None) -> httpx.Response:
        body = json.dumps({"id": 0, "method": method, "params": params}, default=encoded)
        headers = {"Authorization": session} if session else {}
        try:
            return self._client.post(self._path, content=body, headers=headers)
        except NOT_SENT as error:
            raise Unreachable("UNREACHABLE", f"no connection to tryton ({error!r})") from error
        except httpx.RequestError as error:
            raise InDoubt("NO_ANSWER", f"tryton was asked for {method} and did not answer ({error!r})") from error

    def _result(self, answer: httpx.Response) -> Any:
        """The result of a call; Tryton reports even a conflict with status 200."""
        status, reason = answer.status_code, f"tryton answered {answer.status_code}: {answer.reason_phrase}"
        if status in (429, 503):
            raise Throttled(f"HTTP_{status}", reason, retry_after_s(answer, self._now()))
        if status >= 500:
            raise InDoubt(f"HTTP_{status}", reason)
        if status != 200:
            text = f"{reason}. Next step: check the address and the name of the database"
            raise Misconfigured(f"HTTP_{status}", text)
        try:
            body = json.loads(answer.content, parse_float=Decimal, object_hook=decoded)
        except ValueError as error:
            raise InDoubt("UNREADABLE_ANSWER", f"tryton answered with something that is not JSON: {error}") from error
        if not isinstance(body, dict) or ("result" not in body and "error" not in body):
            raise InDoubt("UNREADABLE_ANSWER", "tryton answered with something that is no JSON-RPC answer")
        if body.get("error"):
            raise error_of(body["error"])
        return body.get("result")


def error_of(error: Any) -> TargetError:
    """What an error inside a 200 means. Tryton has rolled its transaction back before it tells one."""
    name = str(error[0]) if error else ""
    told = error[1] if len(error) > 1 else ""
    if name == "ConcurrencyException":
        return Conflict("STALE", f"tryton: {told}")
    if name in ("UserError", "UserWarning"):
        texts = [str(part) for part in told[:2] if part] if isinstance(told, list) else [str(told)]
        text = " ".join(texts)[:TEXT_MAX]
        return BusinessRefusal("TRYTON_REFUSED" if name == "UserError" else "TRYTON_WARNS", f"tryton: {text}", {})
    return TransientError("TRYTON_FAILED", f"tryton failed and took everything back: {name[:TEXT_MAX]}")
