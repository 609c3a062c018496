"""What all processes together may ask of a target, per account that they log in with: how many at once, how many a second.

The count is in Redis, one atomic step per slot, on Redis' own clock. A pause that the target asked for (Retry-After) is
there too. Whoever dies with a slot gives it back when its lease ends. Without Redis nobody knows what the others send:
nothing is asked of the target then (BUDGET_AWAY), and corrections wait.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from connectors import metrics
from connectors.targets.protocol import Declared, Snapshot, Target, Throttled, TransientError, Write
from state.correcting.lane import Promise
from state.rules import Budget

#: longer than any answer that an adapter waits for
LEASE_MS = 60_000
#: a slot is waited for so long; a longer wait goes to the planner, which then pauses the whole target
PATIENCE_MS = 1_000
#: between two looks while all slots are taken
LOOK_MS = 20
#: what a correction waits while Redis is away
AWAY_S = 2.0
_TIMEOUT_S = 1.0

#: KEYS: slots, turn, pause. ARGV: at once, us between two, us of burst, lease ms, token. Returns 0, or ms to wait.
#: `turn` is when the next request would be due if all had kept their distance (generic cell rate algorithm).
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local pause = tonumber(redis.call('GET', KEYS[3]) or '0')
if pause > now then return math.ceil((pause - now) / 1000) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return -1 end
local turn = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), now)
local early = turn - now - tonumber(ARGV[3])
if early > 0 then return math.ceil(early / 1000) end
redis.call('SET', KEYS[2], string.format('%d', turn + tonumber(ARGV[2])), 'PX', 3600000)
redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[4] * 1000), ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
"""
#: KEYS: pause. ARGV: ms. A longer pause stays.
_PAUSE = """
local t = redis.call('TIME')
local until_us = t[1] * 1000000 + t[2] + ARGV[1] * 1000
if until_us > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%d', until_us), 'PX', math.max(ARGV[1], 1))
end
return 0
"""
T = TypeVar("T")


class Budgets:
    """The store of all budgets; one for a process, shared by its senders."""

    def __init__(self, url: str, prefix: str, lease_ms: int = LEASE_MS) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
        self._prefix, self._lease_ms = prefix, lease_ms
        self._take = self._client.register_script(_TAKE)
        self._pause = self._client.register_script(_PAUSE)

    def _keys(self, budget: Budget) -> list[str]:
        place = f"{self._prefix}budget:{{{budget.account}}}"
        return [f"{place}:slots", f"{place}:turn", f"{place}:pause"]

    def take(self, budget: Budget, token: str) -> int:
        """Take a slot: 0 if it was given, -1 if all are taken, else ms to wait. Raises redis.RedisError."""
        apart_us = 1_000_000 // budget.per_second
        burst_us = apart_us * (budget.burst - 1)
        given: int = self._take(
            keys=self._keys(budget), args=[budget.concurrency, apart_us, burst_us, self._lease_ms, token]
        )
        return given

    def give_back(self, budget: Budget, token: str) -> None:
        """Give a slot back. Raises redis.RedisError."""
        self._client.zrem(self._keys(budget)[0], token)

    def pause(self, budget: Budget, pause_ms: int) -> None:
        """Let nobody ask for so long. Raises redis.RedisError."""
        self._pause(keys=self._keys(budget)[2:], args=[pause_ms])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class BudgetedTarget:
    """A target behind its budget; everything else is the target's own."""

    def __init__(self, target: Target, budget: Budget, budgets: Budgets) -> None:
        self._target, self._budget, self._budgets = target, budget, budgets
        self._waiting = threading.Event()

    @property
    def name(self) -> str:
        """The target's name in intents."""
        return self._target.name

    @property
    def promise(self) -> Promise:
        """The target's, with no more at once than the budget has."""
        promise = self._target.promise
        return promise._replace(concurrency=min(promise.concurrency, self._budget.concurrency))

    @property
    def declares(self) -> Mapping[str, Declared]:
        """What is promised, by object."""
        return self._target.declares

    def read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        """Read within the budget. Raises TargetError."""
        return self._within(lambda: self._target.read(object_name, place))

    def write(self, write: Write) -> None:
        """Write within the budget. Raises TargetError."""
        self._within(lambda: self._target.write(write))

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """As the target. Raises TargetError."""
        return self._within(lambda: self._target.tidy(object_name, place, key))

    def shows(self, object_name: str, snapshot: Snapshot, desired: Mapping[str, str]) -> bool:
        """Whether the row shows every desired field."""
        return self._target.shows(object_name, snapshot, desired)

    def close(self) -> None:
        """Close the target."""
        self._waiting.set()
        self._target.close()

    def _within(self, call: Callable[[], T]) -> T:
        """Ask with a slot; a pause that the target names is everybody's."""
        token = uuid.uuid4().hex
        self._slot(token)
        try:
            return call()
        except Throttled as error:
            if (asked_s := error.retry_after_s) is not None:
                self._quietly(lambda: self._budgets.pause(self._budget, int(asked_s * 1000)))
            raise
        finally:
            self._quietly(lambda: self._budgets.give_back(self._budget, token))

    def _slot(self, token: str) -> None:
        """Wait for a slot. Raises Throttled where that takes long, TransientError where Redis is away."""
        waited_ms = 0
        while True:
            try:
                wait_ms = self._budgets.take(self._budget, token)
            except redis.RedisError as error:
                metrics.BUDGET_AWAY.labels(self.name).inc()
                raise TransientError("BUDGET_AWAY", self._away(error), AWAY_S) from error
            if wait_ms == 0:
                return
            step_ms = LOOK_MS if wait_ms < 0 else wait_ms
            if waited_ms + step_ms > PATIENCE_MS:
                metrics.BUDGET_WAITS.labels(self.name).inc()
                reason = f"the budget of account {self._budget.account} at {self.name} is used up for now"
                raise Throttled("BUDGET_USED_UP", reason, max(step_ms, LOOK_MS) / 1000)
            self._waiting.wait(step_ms / 1000)
            waited_ms += step_ms

    def _away(self, error: redis.RedisError) -> str:
        return (
            f"Redis cannot be asked ({error}), so nobody knows what other processes send to {self.name}: nothing was "
            f"sent. Next step: start it, or set CONCORD_REDIS; corrections go on by themselves"
        )

    @staticmethod
    def _quietly(call: Callable[[], None]) -> None:
        """Without Redis a slot ends with its lease, and a pause is still kept by this process' own planner."""
        try:
            call()
        except redis.RedisError:
            return
