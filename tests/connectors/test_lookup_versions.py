"""The look-up store keeps the newest version of each record, whatever order writes come in (real Valkey)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.lookup_store.reader import Lookup, Moved, UnknownAccount, Versioned
from connectors.lookup_store.store_state import LIVE, state_fields
from state.cuts import Progress
from tests.connectors.valkey import PrivateValkey

PROGRESS = Progress(9, {"billing": 900}, {"billing": 1_000}, live=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateValkey]:
    """One private server for this file."""
    with PrivateValkey(Path(tmp_path_factory.mktemp("valkey"))) as valkey:
        yield valkey


@pytest.fixture
def store(server: PrivateValkey) -> Iterator[Lookup]:
    """An empty, live store."""
    with server.client() as client:
        client.flushall()
    lookup = Lookup(server.url, "test.")
    lookup.begin(lookup.state())
    yield lookup
    lookup.close()


def write(store: Lookup, *records: Versioned) -> tuple[int, int]:
    """Write records from wherever the store stands."""
    return store.apply(store.state().token, state_fields(LIVE, 9, PROGRESS, {}, {}), records)


def account(version: int, *, deleted: bool = False) -> Versioned:
    """Account A as of a commit."""
    text = "" if deleted else json.dumps({"version": version})
    return Versioned("account", "A", version, 1, version * 10, "" if deleted else "A", text)


def invoice(commit: int, partition: int, offset: int, owner: str) -> Versioned:
    """Invoice I of an account; '' deletes it."""
    return Versioned("invoice", "I", commit, partition, offset, owner, json.dumps({"owner": owner}) if owner else "")


def seen(store: Lookup, name: str = "A") -> int | None:
    """The version of the account that a reader sees now."""
    try:
        version: int = store.account(name).objects["account"][name]["version"]
    except UnknownAccount:
        return None
    return version


def test_slow_writer_never_overwrites_or_revives(store: Lookup) -> None:
    """Version 5, then slow 4, then a delete at 6, then slow 5: readers see 5, 5, nothing, nothing."""
    views = []
    for record in (account(5), account(4), account(6, deleted=True), account(5)):
        write(store, record)
        views.append(seen(store))
    assert views == [5, 5, None, None]


def test_deletion_before_the_first_write_still_counts(store: Lookup) -> None:
    """A delete that arrives before the write it follows leaves a mark, and the write is refused."""
    assert write(store, account(6, deleted=True)) == (1, 0)
    assert write(store, account(5)) == (0, 1)
    assert seen(store) is None


def test_newer_write_after_a_deletion_is_taken(store: Lookup) -> None:
    """A record that is created again later is shown, and the deletion mark is gone."""
    write(store, account(5), account(6, deleted=True), account(7))
    assert seen(store) == 7
    assert write(store, account(6, deleted=True)) == (0, 1)
    assert seen(store) == 7


def test_deletion_mark_expires_only_after_the_documented_delay(store: Lookup, server: PrivateValkey) -> None:
    """The mark lives for 24 hours, far longer than any write can be late, and then costs nothing."""
    write(store, account(6, deleted=True))
    with server.client() as client:
        (mark,) = client.keys("test.lookup:*:grave:*")
        assert 86_300_000 < client.pttl(mark) <= 86_400_000


def test_offset_decides_within_one_commit(store: Lookup) -> None:
    """Two records of one key in one commit and partition: the higher offset wins in any order."""
    first, second = account(5), account(5)._replace(offset=51, record='{"version": 55}')
    write(store, second)
    write(store, first)
    assert seen(store) == 55


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_object_that_moves_to_another_account_is_in_one_place(store: Lookup, order: tuple[int, ...]) -> None:
    """Invoice I goes from A to B in one commit: whatever order the records come in, it ends in B only."""
    steps = [invoice(5, 1, 50, "A"), invoice(8, 1, 80, ""), invoice(8, 2, 20, "B")]
    write(store, account(1), account(1)._replace(key="B", account="B", partition=2))
    for number in order:
        write(store, steps[number])
    assert "invoice" not in store.account("A").objects
    assert store.account("B").objects["invoice"] == {"I": {"owner": "B"}}


def test_writer_that_was_overtaken_is_turned_away(store: Lookup) -> None:
    """Of two writers that saw the same step of the store one gets in; the other must read the state again."""
    token = store.state().token
    write(store, account(5))
    with pytest.raises(Moved, match="expected"):
        store.apply(token, {}, [account(9)])
    assert seen(store) == 5


def test_emptied_store_turns_its_writer_away(store: Lookup, server: PrivateValkey) -> None:
    """After FLUSHALL nothing is written from the old place: the hole would never be filled."""
    token = store.state().token
    with server.client() as client:
        client.flushall()
    with pytest.raises(Moved):
        store.apply(token, {}, [account(9)])
    assert store.state().offsets == {}


def test_new_generation_leaves_nothing_of_the_old_one(store: Lookup, server: PrivateValkey) -> None:
    """A rebuild shows nothing of what was there, and frees it."""
    write(store, account(5))
    store.begin(store.state())
    write(store, account(1)._replace(key="B", account="B"))
    assert seen(store) is None
    with server.client() as client:
        assert {key.split(":")[1] for key in client.keys("test.lookup:*:*")} == {store.state().generation}


def test_state_is_what_was_written(store: Lookup) -> None:
    """Offsets, topic ids, commit, frontier and clock come back exactly."""
    offsets = {("c.account", 0): 7, ("c.account", 1): 0, ("c.invoice", 0): 2**40}
    store.apply(
        store.state().token, state_fields(LIVE, 12, PROGRESS, offsets, {"c.account": "x", "c.invoice": "y"}), []
    )
    state = store.state()
    assert (state.progress, state.highest, state.state) == (PROGRESS, 12, LIVE)
    assert state.offsets == {"c.account": ("x", {0: 7, 1: 0}), "c.invoice": ("y", {0: 2**40})}


def test_store_that_may_evict_is_recognised(store: Lookup, server: PrivateValkey) -> None:
    """A server with a memory limit and an eviction policy would lose accounts in silence."""
    with server.client() as client:
        assert not store.evicts()
        client.config_set("maxmemory", "100mb")
        assert not store.evicts(), "without a policy it refuses writes, which is safe"
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert store.evicts()
        client.config_set("maxmemory", "0")
