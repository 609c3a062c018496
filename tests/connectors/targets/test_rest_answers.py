"""Which answer means what, and when the breaker opens: the adapter over a transport of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest

from connectors.targets.description import Breaker, TracePlaces, load
from connectors.targets.guard import retry_after_s
from connectors.targets.protocol import (
    BusinessRefusal,
    CircuitOpen,
    Conflict,
    InDoubt,
    LoginRefused,
    Misconfigured,
    TargetError,
    Throttled,
    Unreachable,
    Write,
)
from connectors.targets.rest import RestTarget
from connectors.targets.trace import Trace, traced

TRACE = Trace("c0ffee", "billing 12, support 7", "ada")
WRITE = Write("standing", {"account_id": "A/1 ?"}, {"delinquent": "true"}, "0", "key-1", TRACE)
PLACE = {"account_id": "A-1"}
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def target(answer: Callable[[httpx.Request], httpx.Response], **changes: object) -> RestTarget:
    """The support adapter whose network is `answer`; `changes` to its description."""
    description = load("support").model_copy(update=changes)
    return RestTarget(description, "http://support", httpx.MockTransport(answer))


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    """A network that fails in this way."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (412, {"code": "STALE"}, Conflict),
        (409, {}, Conflict),
        (422, {"code": "PERIOD_CLOSED", "message": "closed", "first_open_day": "2026-03-01"}, BusinessRefusal),
        (429, {}, Throttled),
        (503, {}, Throttled),
        (500, {}, InDoubt),
        (504, {}, InDoubt),
        (401, {}, LoginRefused),
        (404, {}, Misconfigured),
        (302, {}, Misconfigured),
    ],
)
def test_status_decides_the_error(status: int, body: dict[str, str], kind: type[TargetError]) -> None:
    """Each class of answers has its error; the code of the body wins over the number."""
    with pytest.raises(kind) as raised:
        target(lambda _: httpx.Response(status, json=body)).write(WRITE)
    expected = "LOGIN_REFUSED" if status == 401 else f"HTTP_{status}"
    assert raised.value.code == body.get("code", expected)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), Unreachable),
        (httpx.ConnectTimeout("slow"), Unreachable),
        (httpx.PoolTimeout("full"), Unreachable),
        (httpx.ReadTimeout("slow"), InDoubt),
        (httpx.WriteTimeout("slow"), InDoubt),
        (httpx.ReadError("reset"), InDoubt),
        (httpx.RemoteProtocolError("closed"), InDoubt),
    ],
)
def test_what_left_decides_the_doubt(error: Exception, kind: type[TargetError]) -> None:
    """Before a connection there is no doubt; once bytes may have left there is."""
    with pytest.raises(kind):
        target(raising(error)).write(WRITE)


def test_request_carries_key_token_and_escaped_path() -> None:
    """The idempotency key, If-Match with token 0, a JSON boolean, and no way out of the path."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    target(answer).write(WRITE)
    (request,) = seen
    assert request.url.raw_path == b"/organizations/A%2F1%20%3F"
    assert (request.headers["Idempotency-Key"], request.headers["If-Match"]) == ("key-1", '"0"')
    assert json.loads(request.content) == {"delinquent": True, "note": TRACE.text}


@pytest.mark.parametrize(("login", "sent"), [(("concord", "secret"), "Basic Y29uY29yZDpzZWNyZXQ="), (("", ""), None)])
def test_login_is_sent_where_there_is_one(login: tuple[str, str], sent: str | None) -> None:
    """A target that asks for nobody is told nobody's name."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    RestTarget(load("support"), "http://support", httpx.MockTransport(answer), login=login).write(WRITE)
    assert seen[0].headers.get("Authorization") == sent


def test_missing_row_needs_the_targets_own_word() -> None:
    """404 with the target's code is a missing row; a bare 404 is a wrong address and never 'create it'."""
    assert target(lambda _: httpx.Response(404, json={"code": "NOT_FOUND"})).read("standing", PLACE) is None
    with pytest.raises(Misconfigured):
        target(lambda _: httpx.Response(404, text="nginx")).read("standing", PLACE)


def test_numbers_are_read_exactly() -> None:
    """A JSON number with a point never becomes a float on its way to a comparison."""
    exact = "12345678901234567.89"
    body = f'{{"total": {exact}, "version": 3}}'
    erp = RestTarget(load("erp"), "http://erp", httpx.MockTransport(lambda _: httpx.Response(200, text=body)))
    found = erp.read("invoice", {"reference": "I-1"})
    assert found is not None
    assert (found.fields["total"], found.token) == (exact, "3")


def test_trace_is_sent_in_the_described_fields() -> None:
    """Each part in its own field where the description names one, all in one where it names that; else nothing.

    Planted break, seen to fail: the description's places are not looked at.
    """
    seen: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json={})

    each = TracePlaces(correction="their_id", frontier="as_of", approver="by")
    for places in (TracePlaces(), each, TracePlaces(text="note")):
        target(answer, trace=places).write(WRITE)
    plain, apart, together = seen
    assert plain == {"delinquent": True}
    assert apart == {"delinquent": True, "their_id": "c0ffee", "as_of": "billing 12, support 7", "by": "ada"}
    assert together["note"] == TRACE.text
    assert traced(f"  {TRACE.text} ") == "c0ffee"


@pytest.mark.parametrize("desired", [{"colour": "red"}, {"delinquent": "perhaps"}])
def test_undescribed_fields_are_refused(desired: dict[str, str]) -> None:
    """What the description does not know is not sent."""
    with pytest.raises(Misconfigured):
        target(lambda _: httpx.Response(200)).write(Write("standing", PLACE, desired, "1", "k", TRACE))


def test_breaker_opens_after_failures_and_tries_again() -> None:
    """Five failures in a row: nothing is asked for a while and the caller is told how long; then one is let through."""
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(1)
        return httpx.Response(200 if len(asked) > 5 else 500, json={"delinquent": True, "version": 1})

    subject = target(answer, breaker=Breaker(failures=5, pause_ms=300))
    for _ in range(5):
        with pytest.raises(InDoubt):
            subject.write(WRITE)
    with pytest.raises(CircuitOpen) as raised:
        subject.write(WRITE)
    assert len(asked) == 5
    assert 0 < (raised.value.retry_after_s or 0) <= 0.3
    while len(asked) == 5:
        with suppress(CircuitOpen):
            subject.write(WRITE)
    for _ in range(3):
        subject.write(WRITE)


@pytest.mark.parametrize("status", [422, 429, 412])
def test_refusals_do_not_trip_the_breaker(status: int) -> None:
    """Business refusals, throttling and conflicts are answers of a healthy target."""
    subject = target(lambda _: httpx.Response(status))
    for _ in range(20):
        with pytest.raises(TargetError) as raised:
            subject.write(WRITE)
        assert not isinstance(raised.value, CircuitOpen)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("Sun, 01 Mar 2026 00:00:05 GMT", 5.0),
        ("Sat, 28 Feb 2026 23:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_in_both_forms(text: str, seconds: float | None) -> None:
    """Seconds or a date; the past is now; nonsense is nothing."""
    assert retry_after_s(httpx.Response(429, headers={"Retry-After": text}), NOW) == seconds
