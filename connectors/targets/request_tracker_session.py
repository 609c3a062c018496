"""Talks REST 2 with Request Tracker: one cookie, and every answer turned into the error that says what to do next."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx

from connectors.targets.description import Timeouts
from connectors.targets.guard import NOT_SENT, retry_after_s, utc_now
from connectors.targets.http_client import open_client
from connectors.targets.protocol import (
    InDoubt,
    LoginRefused,
    Misconfigured,
    Throttled,
    TransientError,
    Unreachable,
)

API, LOGIN = "/REST/2.0", "/NoAuth/Login.html"
#: RT sends who is not logged in to its front page, or says 401
_NOT_LET_IN = (301, 302, 303, 307, 401)


class RequestTrackerSession:
    """One login by cookie (six times as fast as sending a password along), begun again when it has ended."""

    def __init__(
        self,
        base_url: str,
        user: str,
        password: str,
        timeouts: Timeouts,
        concurrency: int,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._user, self._password, self._now = user, password, now
        self._client = open_client(base_url, timeouts, concurrency, {"Accept": "application/json"}, transport)
        self._login_lock = threading.Lock()
        self._cookie: str | None = None

    def read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """GET; no answer is only a failed read. Raises TargetError."""
        try:
            return self._result(self._request("GET", API + path, query, None))
        except InDoubt as error:
            raise TransientError(error.code, error.reason) from error

    def write(self, method: str, path: str, body: Any) -> Any:
        """POST or PUT once. A success says only that RT has understood. Raises TargetError."""
        return self._result(self._request(method, API + path, None, body))

    def close(self) -> None:
        """Close the connections; the session ends by itself."""
        self._client.close()

    def _request(self, method: str, path: str, query: Mapping[str, str] | None, body: Any) -> httpx.Response:
        for last in (False, True):
            cookie = self._cookie or self._login(None)
            answer = self._send(method, path, cookie, params=query, json=body)
            if answer.status_code not in _NOT_LET_IN:
                return answer
            if last:
                break
            self._login(cookie)
        reason = f"request tracker answered {answer.status_code} to {path} although it had let us in"
        raise LoginRefused("request tracker", reason)

    def _login(self, stale: str | None) -> str:
        """A cookie that is not `stale`; of several senders that need one, one asks for it."""
        with self._login_lock:
            if self._cookie is not None and self._cookie != stale:
                return self._cookie
            self._cookie = None
            # only with `next` does RT send on whom it lets in: everybody else gets a page with status 200
            form = {"user": self._user, "pass": self._password, "next": "concord"}
            try:
                answer = self._send("POST", LOGIN, None, data=form)
            except InDoubt as error:  # nothing was asked of it yet
                raise TransientError(error.code, error.reason) from error
            if answer.status_code in (429, 503) or answer.status_code >= 500:
                raise self._busy(answer)
            found: str = answer.headers.get("set-cookie", "").partition(";")[0]
            if answer.status_code not in (302, 303) or not found:
                raise LoginRefused("request tracker", f"request tracker does not take the login of {self._user!r}")
            self._cookie = found
            return found

    def _send(self, method: str, path: str, cookie: str | None, **what: Any) -> httpx.Response:
        headers = {"Cookie": cookie} if cookie else {}
        try:
            return self._client.request(method, path, headers=headers, **what)
        except NOT_SENT as error:
            raise Unreachable("UNREACHABLE", f"no connection to request tracker ({error!r})") from error
        except httpx.RequestError as error:
            reason = f"request tracker was asked for {path} and did not answer ({error!r})"
            raise InDoubt("NO_ANSWER", reason) from error
        finally:
            self._client.cookies.clear()  # the cookie is ours to send, so that a stale one can be told from a new one

    def _busy(self, answer: httpx.Response) -> Throttled:
        reason = f"request tracker answered {answer.status_code}: {answer.reason_phrase}"
        return Throttled(f"HTTP_{answer.status_code}", reason, retry_after_s(answer, self._now()))

    def _result(self, answer: httpx.Response) -> Any:
        status = answer.status_code
        reason = f"request tracker answered {status}: {answer.reason_phrase} {answer.text[:200]}"
        if status in (429, 503):
            raise self._busy(answer)
        if status >= 500:
            raise InDoubt(f"HTTP_{status}", reason)
        if not answer.is_success:
            raise Misconfigured(
                f"HTTP_{status}", f"{reason}. Next step: check the rights of {self._user!r} and its description"
            )
        try:
            return json.loads(answer.content)
        except ValueError as error:
            raise InDoubt(
                "UNREADABLE_ANSWER", f"request tracker answered with something that is no JSON: {error}"
            ) from error
