"""All processes together keep a target's budget: at once, per second, and the pause that it asked one of them for.

On a real Valkey; each `Budgets` is the store as another process sees it. Planted breaks that were seen to fail here:
a store key without the account; `_within` that does not pass the pause on; a slot that is not given back after an error;
a call without a slot when Redis is away.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest

from connectors import budget as budget_module
from connectors.budget import BudgetedTarget, Budgets
from connectors.targets.protocol import BusinessRefusal, Declared, Snapshot, Throttled, TransientError, Write
from connectors.targets.trace import Trace
from state.correcting.lane import Promise
from state.rules import Budget
from tests.connectors.valkey import PrivateValkey

WIDE = Budget("concord", 1000, 100_000, 100_000)
WRITE = Write("invoice", {}, {}, None, "key", Trace("c", "", ""))


class Counted:
    """A target that counts what is under way, and answers as told."""

    name = "erp"
    promise = Promise("A", 8, {"invoice": "invoices"}, None, True)
    declares: Mapping[str, Declared] = {}

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self.together = threading.Event()

    def write(self, write: Write) -> None:
        """Carry out, for as long as it takes another one to arrive, or a moment."""
        with self._lock:
            self.calls += 1
            self._now += 1
            self.most = max(self.most, self._now)
        self.together.wait(0.005)
        with self._lock:
            self._now -= 1
        if self.error:
            raise self.error

    def read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        """Counts as a request, too."""
        self.write(WRITE)
        return None

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """Counts as a request, too."""
        self.write(WRITE)
        return {}

    def shows(self, object_name: str, snapshot: Snapshot, desired: Mapping[str, str]) -> bool:
        """Nothing."""
        return False

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine an answer, and a turn, may take their time; a server that is gone refuses at once."""
    monkeypatch.setattr(budget_module, "PATIENCE_MS", 30_000)
    monkeypatch.setattr(budget_module, "_TIMEOUT_S", 30.0)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateValkey]:
    """A server of this module's own."""
    with PrivateValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def prefix() -> str:
    """Budgets of this test alone."""
    return f"test{uuid.uuid4().hex[:8]}."


def target(inner: Counted, budget: Budget, url: str, prefix: str, lease_ms: int = 60_000) -> BudgetedTarget:
    """The target as one process sees it, with a connection of its own."""
    return BudgetedTarget(inner, budget, Budgets(url, prefix, lease_ms))


def test_at_once_counts_for_all_processes(valkey: PrivateValkey, prefix: str) -> None:
    """Three processes with eight senders each, three slots: never more than three requests are under way."""
    inner, budget = Counted(), Budget("concord", 3, 100_000, 100_000)
    processes = [target(inner, budget, valkey.url, prefix) for _ in range(3)]
    with ThreadPoolExecutor(24) as senders:
        for future in [senders.submit(processes[number % 3].write, WRITE) for number in range(90)]:
            future.result(30)
    assert (inner.calls, inner.most) == (90, 3)


def test_per_second_counts_for_all_processes(valkey: PrivateValkey, prefix: str) -> None:
    """Five at once and then one a second, whichever process asks: more are given only for the time that has passed."""
    budget = Budget("concord", 100, 1, 5)
    one, other = Budgets(valkey.url, prefix), Budgets(valkey.url, prefix)
    began, told = monotonic(), list[int]()
    while len(told) < 7 or not all(told[-2:]):  # both are told to wait
        told.append((one, other)[len(told) % 2].take(budget, str(len(told))))
    given = told.count(0)
    assert 5 <= given <= 5 + monotonic() - began
    assert all(0 <= wait_ms <= 1000 for wait_ms in told)


def test_other_accounts_have_budgets_of_their_own(valkey: PrivateValkey, prefix: str) -> None:
    """A used-up account delays nobody who logs in as somebody else."""
    budgets = Budgets(valkey.url, prefix)
    assert budgets.take(Budget("one", 1, 1, 1), "a") == 0
    assert budgets.take(Budget("one", 1, 1, 1), "b") != 0
    assert budgets.take(Budget("other", 1, 1, 1), "c") == 0


def test_retry_after_is_obeyed_by_all(valkey: PrivateValkey, prefix: str) -> None:
    """One process is told 429 with Retry-After: the other does not even ask, and says how long it must wait."""
    busy, idle = Counted(), Counted()
    busy.error = Throttled("HTTP_429", "busy", 60.0)
    with pytest.raises(Throttled):
        target(busy, WIDE, valkey.url, prefix).write(WRITE)
    with pytest.raises(Throttled) as told:
        target(idle, WIDE, valkey.url, prefix).write(WRITE)
    assert (told.value.code, idle.calls) == ("BUDGET_USED_UP", 0)
    assert 50 < (told.value.retry_after_s or 0) <= 60


def test_a_slot_comes_back_whatever_happened(valkey: PrivateValkey, prefix: str) -> None:
    """With one slot, ten refusals in a row are ten requests, and a read has its turn."""
    inner = Counted()
    inner.error = BusinessRefusal("PERIOD_CLOSED", "closed", {})
    only = target(inner, Budget("concord", 1, 100_000, 100_000), valkey.url, prefix)
    for _ in range(10):
        with pytest.raises(BusinessRefusal):
            only.write(WRITE)
    inner.error = None
    assert only.read("invoice", {}) is None
    assert inner.calls == 11


def test_who_dies_with_a_slot_gives_it_back_with_its_lease(valkey: PrivateValkey, prefix: str) -> None:
    """A killed process holds the only slot no longer than its lease."""
    held = Budget("held", 1, 100_000, 100_000)
    assert Budgets(valkey.url, prefix).take(held, "lives") == 0
    assert Budgets(valkey.url, prefix).take(held, "too early") == -1
    budget, inner = Budget("concord", 1, 100_000, 100_000), Counted()
    assert Budgets(valkey.url, prefix, lease_ms=300).take(budget, "killed") == 0
    target(inner, budget, valkey.url, prefix).write(WRITE)
    assert inner.calls == 1


def test_without_redis_nothing_is_sent(tmp_path: Path, prefix: str) -> None:
    """Nobody knows what others send: refused by name, nothing written, tried again later; then it goes on."""
    server = PrivateValkey(tmp_path)
    server.start()
    inner = Counted()
    here = target(inner, WIDE, server.url, prefix)
    here.write(WRITE)
    server.kill()
    with pytest.raises(TransientError) as told:
        here.write(WRITE)
    assert (told.value.code, inner.calls) == ("BUDGET_AWAY", 1)
    assert "CONCORD_REDIS" in told.value.reason
    server.start()
    here.write(WRITE)
    server.kill()
    assert inner.calls == 2


def test_killed_while_a_request_is_under_way(tmp_path: Path, prefix: str) -> None:
    """Redis dies after the slot was given: the answer of the target counts, nothing is raised over it."""
    server = PrivateValkey(tmp_path)
    server.start()
    inner = Counted()
    here = target(inner, WIDE, server.url, prefix)
    inner.error = BusinessRefusal("PERIOD_CLOSED", "closed", {})
    inner.together = Killing(server)
    with pytest.raises(BusinessRefusal):
        here.write(WRITE)


class Killing(threading.Event):
    """Ends the server when the target is being asked."""

    def __init__(self, server: PrivateValkey) -> None:
        super().__init__()
        self._server = server

    def wait(self, timeout: float | None = None) -> bool:
        """Kill it."""
        self._server.kill()
        return True
