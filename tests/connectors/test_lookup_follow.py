"""The look-up store follows the canonical topics by whole cuts and heals after whatever happens to it (real Kafka, Valkey)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.lookup_store.reader import Lookup, LookupRefused, UnknownAccount
from connectors.lookup_store.writer import RESUME_MS_MAX
from tests.connectors.canonical_writer import CanonicalWriter, Follower, until
from tests.connectors.valkey import PrivateValkey
from tests.running_stack import RunningStack

ACCOUNTS = [f"A-{number}" for number in range(8)]
pytestmark = pytest.mark.stack


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateValkey]:
    """A store that a test may kill."""
    with PrivateValkey(tmp_path) as valkey:
        yield valkey


@pytest.fixture
def source(stack: RunningStack) -> CanonicalWriter:
    """Canonical topics of this test alone."""
    return CanonicalWriter(stack.addresses.kafka)


@pytest.fixture
def follower(source: CanonicalWriter, server: PrivateValkey) -> Iterator[Follower]:
    """A lookup writer that follows them."""
    one = Follower(source, server.url)
    yield one
    one.close()


def shows(follower: Follower, version: int) -> None:
    """Every account and its invoice are at the version; nothing else is there."""
    for account in ACCOUNTS:
        objects = follower.store.account(account).objects
        assert objects == {
            "account": {account: {"version": version, "account": account}},
            "invoice": {f"I-{account}": {"version": version, "account": account}},
        }


def test_every_read_is_one_whole_commit(source: CanonicalWriter, follower: Follower, server: PrivateValkey) -> None:
    """While commits come in, account and invoice are always of the commit that the answer names, or of none at all.

    Planted break, seen to fail: handing out records as they are read.
    """
    follower.follow(source.write(ACCOUNTS))
    done = threading.Event()

    def publish() -> None:
        for _ in range(60):
            source.write(ACCOUNTS)
        done.set()

    publisher = threading.Thread(target=publish)
    publisher.start()
    seen: set[int] = set()
    while not done.is_set() or len(seen) < 2:
        follower.step()
        for account in ACCOUNTS:
            answer = follower.store.account(account)
            versions = {record["version"] for records in answer.objects.values() for record in records.values()}
            assert versions == {answer.commit} == {answer.frontier["s"] // 10}
            seen.add(answer.commit)
    publisher.join()
    follower.follow(source.commit)
    shows(follower, source.commit)
    assert len(seen) > 5


def test_cut_that_needs_several_steps_is_never_seen_half(
    source: CanonicalWriter, follower: Follower, server: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut too large for one atomic step: while its parts are written readers are refused, then they see it whole."""
    follower.follow(source.write(ACCOUNTS))
    monkeypatch.setattr("connectors.lookup_store.writer.STEP_RECORDS_MAX", 3)
    outcomes: set[str] = set()
    apply = Lookup.apply

    def looked_at(store: Lookup, *arguments: Any) -> tuple[int, int]:
        done = apply(store, *arguments)
        try:
            answer = follower.store.account("A-0")
        except LookupRefused:
            outcomes.add("refused")
        else:
            versions = {record["version"] for records in answer.objects.values() for record in records.values()}
            assert versions == {answer.commit}
            outcomes.add("whole")
        return done

    monkeypatch.setattr(Lookup, "apply", looked_at)
    follower.follow(source.write(ACCOUNTS))
    shows(follower, 2)
    assert outcomes == {"refused", "whole"}


def test_open_and_aborted_transactions_are_not_shown(source: CanonicalWriter, follower: Follower) -> None:
    """Records of a transaction that is open, or was aborted, never reach the store, and do not stop what follows."""
    follower.follow(source.write(ACCOUNTS))
    source.begin()
    source.produce("account", "A-0", "A-0", {"version": 99})
    source.producer.flush(10)
    for _ in range(200):
        follower.step()
    shows(follower, 1)
    source.producer.abort_transaction(30)
    follower.follow(source.write(ACCOUNTS))
    shows(follower, 3)


def test_tombstone_removes_an_object_and_an_account(source: CanonicalWriter, follower: Follower) -> None:
    """A tombstone carries no account; the store knows where the object was."""
    follower.follow(source.write(ACCOUNTS))
    source.begin()
    source.produce("invoice", "I-A-0", "A-0", None)
    source.produce("account", "A-1", "A-1", None)
    source.produce("invoice", "I-A-1", "A-1", None)
    source.end()
    follower.follow(2)
    assert set(follower.store.account("A-0").objects) == {"account"}
    with pytest.raises(UnknownAccount):
        follower.store.account("A-1")


def test_killed_store_goes_on_where_it_was(source: CanonicalWriter, follower: Follower, server: PrivateValkey) -> None:
    """kill -9 of the store while commits come in: after its restart the view is complete, without a rebuild."""
    follower.follow(source.write(ACCOUNTS))
    generation = follower.store.state().generation
    server.kill()
    source.write(ACCOUNTS[:4])
    for _ in range(50):
        follower.step()
    source.write(ACCOUNTS)
    server.start()
    follower.follow(source.commit)
    shows(follower, source.commit)
    assert follower.store.state().generation == generation


def test_emptied_store_is_rebuilt(source: CanonicalWriter, follower: Follower, server: PrivateValkey) -> None:
    """FLUSHALL: accounts that no later commit touches come back too; until then readers are refused."""
    follower.follow(source.write(ACCOUNTS))
    with server.client() as client:
        client.flushall()
    with pytest.raises(LookupRefused):
        follower.store.account("A-7")
    follower.follow(source.write(ACCOUNTS[:1]))
    assert follower.store.account("A-7").objects["account"]["A-7"]["version"] == 1
    assert follower.store.account("A-0").objects["account"]["A-0"]["version"] == 2


def test_store_left_alone_too_long_is_filled_anew(
    source: CanonicalWriter, follower: Follower, server: PrivateValkey
) -> None:
    """After more than 12 hours a deletion may be gone from the topics: the store is not continued but filled anew."""
    follower.follow(source.write(ACCOUNTS))
    generation = follower.store.state().generation
    with server.client() as client:
        client.hset(f"{source.prefix}lookup:state", "written_ms", str(RESUME_MS_MAX * 2))
    late = Follower(source, server.url)
    try:
        late.follow(1)
        assert late.store.state().generation != generation
        shows(late, 1)
    finally:
        late.close()


def test_topics_that_were_made_again_start_a_new_generation(source: CanonicalWriter, follower: Follower) -> None:
    """Deleted and re-created topics begin at commit 1 again: nothing of the old ones is mixed in or shields the new ones."""
    for _ in range(3):
        source.write(ACCOUNTS)
    follower.follow(3)
    old = follower.store.state()
    source.delete()
    source.create()
    source.commit = 0
    source.write(ACCOUNTS[:2])

    def rebuilt() -> bool:
        follower.step()
        state = follower.store.state()
        return state.generation != old.generation and state.state == "live"

    until(rebuilt)
    answer = follower.store.account("A-0")
    assert answer.objects["account"]["A-0"]["version"] == answer.commit == 1
    with pytest.raises(UnknownAccount):
        follower.store.account("A-7")


def test_second_writer_takes_turns_and_loses_nothing(
    source: CanonicalWriter, follower: Follower, server: PrivateValkey
) -> None:
    """Two writers on one store: whichever is late reads the state again; the end is the same."""
    other = Follower(source, server.url)
    try:
        for _ in range(5):
            source.write(ACCOUNTS)
            follower.step()
            other.step()
        other.follow(source.commit)
        source.write(ACCOUNTS)
        follower.follow(source.commit)
        shows(follower, source.commit)
    finally:
        other.close()


def test_backlog_beyond_memory_is_refused_until_it_is_whole(source: CanonicalWriter, server: PrivateValkey) -> None:
    """With room for a few records only, readers are refused while the backlog is written, and see the end whole."""
    for _ in range(30):
        source.write(ACCOUNTS)
    small = Follower(source, server.url, held_bytes_max=200)
    reader = Lookup(server.url, source.prefix)
    refused = 0
    try:
        while True:
            small.step()
            try:
                answer = reader.account("A-0")
            except LookupRefused:
                refused += 1
                continue
            assert answer.commit == 30
            break
        shows(small, 30)
        assert refused
    finally:
        small.close()
        reader.close()
