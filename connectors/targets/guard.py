"""What stands between an adapter and the network: a circuit breaker per target, and reads that are tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
import pybreaker
import stamina

from connectors.targets.description import Breaker
from connectors.targets.protocol import (
    CircuitOpen,
    NotYet,
    TargetError,
    TerminalError,
    Throttled,
    TransientError,
    Unreachable,
)

#: A read is tried this often within this time before the caller hears of it; a longer Retry-After goes to the caller.
READ_ATTEMPTS, READ_S_MAX = 3, 3.0
#: Errors of httpx after which certainly no byte of the request has left.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
T = TypeVar("T")


def utc_now() -> datetime:
    """The clock of Retry-After dates, of the breaker and of the deadlines of plans."""
    return datetime.now(UTC)


def _retry_read(error: Exception) -> bool | timedelta:
    """stamina's hook: which failed reads are tried again at once, and after what pause."""
    if isinstance(error, CircuitOpen | TerminalError) or not isinstance(error, TargetError):
        return False
    asked = error.retry_after_s if isinstance(error, TransientError) else None
    if asked is None:
        return True
    return timedelta(seconds=asked) if asked < READ_S_MAX else False


def retry_after_s(answer: httpx.Response, now: datetime) -> float | None:
    """Retry-After in seconds, from either of its two forms; None where it is missing or unreadable."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


class Guard:
    """The breaker of one target. Refusals by the target's own rules and its wishes to wait do not count as failures."""

    def __init__(self, target: str, breaker: Breaker, now: Callable[[], datetime] = utc_now) -> None:
        self._target, self._limits, self._now = target, breaker, now
        self._storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=breaker.failures,
            reset_timeout=breaker.pause_ms / 1000,
            exclude=[TerminalError, Throttled, NotYet],
            state_storage=self._storage,
            throw_new_error_on_trip=False,
        )

    def read(self, call: Callable[[], T]) -> T:
        """Ask for something that has no effect; failures are tried again a few times. Raises TargetError."""
        for attempt in stamina.retry_context(
            on=_retry_read, attempts=READ_ATTEMPTS, timeout=READ_S_MAX, wait_initial=0.05, wait_jitter=0.05
        ):
            with attempt:
                return self.call(call)
        reason = f"{self._target} could not be read. Next step: check the target's address"
        raise Unreachable("UNREACHABLE", reason)

    def call(self, call: Callable[[], T]) -> T:
        """Ask once, unless the breaker is open. pybreaker holds its lock during a call: only the outcome passes it."""
        opened = self._storage.opened_at
        if self._storage.state == pybreaker.STATE_OPEN and opened is not None:
            left = timedelta(milliseconds=self._limits.pause_ms) - (self._now() - opened)
            if left > timedelta(0):
                reason = f"{self._target} has failed {self._limits.failures} times in a row"
                raise CircuitOpen("CIRCUIT_OPEN", reason, left.total_seconds())
        try:
            result = call()
        except TargetError as error:
            self._count(error)
            raise
        self._count(None)
        return result

    def _count(self, error: TargetError | None) -> None:
        """Tell the breaker how a call ended."""

        def replay() -> None:
            if error is not None:
                raise error

        try:
            self._breaker.call(replay)
        except (TargetError, pybreaker.CircuitBreakerError):
            return
