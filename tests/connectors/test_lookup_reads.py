"""Every answer of the look-up store is one whole version, says how old it is, and is refused when that is too old."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.lookup_store.reader import Lookup, LookupRefused, UnknownAccount, Versioned
from connectors.lookup_store.store_state import CATCHING_UP, LIVE, state_fields
from connectors.unreachable import Unreachable
from state.cuts import Progress
from tests.connectors.valkey import PrivateValkey, free_port

PARTS = ("account", "entitlement", "case")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateValkey]:
    """One private server for this file."""
    with PrivateValkey(Path(tmp_path_factory.mktemp("valkey"))) as valkey:
        yield valkey


@pytest.fixture
def store(server: PrivateValkey) -> Iterator[Lookup]:
    """An empty store of its own generation."""
    lookup = Lookup(server.url, "test.")
    lookup.begin(lookup.state())
    yield lookup
    lookup.close()


def progress(commit: int) -> Progress:
    """Progress of a commit: billing at 100 x commit, time 1,000 x commit ms."""
    return Progress(
        commit, {"billing": commit * 100, "erp": 7}, {"billing": commit * 1_000, "erp": commit * 1_000 - 500}, live=True
    )


def write_version(store: Lookup, version: int, padding: int = 0) -> None:
    """Account A, all three parts, at one commit."""
    text = json.dumps({"version": version, "padding": "x" * padding})
    records = [Versioned(part, "A", version, 0, version, "A", text) for part in PARTS]
    store.apply(store.state().token, state_fields(LIVE, version, progress(version), {}, {}), records)


@pytest.mark.parametrize(("reads", "padding"), [(1_000, 0), (60, 400_000)], ids=["small", "above-1-MB"])
def test_reader_never_sees_half_of_an_update(store: Lookup, server: PrivateValkey, reads: int, padding: int) -> None:
    """While an account goes from version to version, each read is entirely one version and names its commit."""
    write_version(store, 1, padding)
    done = threading.Event()

    def keep_writing() -> None:
        version = 1
        while not done.is_set():
            version += 1
            write_version(store, version, padding)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    reader = Lookup(server.url, "test.")
    versions = set()
    try:
        for _ in range(reads):
            answer = reader.account("A")
            parts = {answer.objects[part]["A"]["version"] for part in PARTS}
            assert parts == {answer.commit}, "a read mixed two versions"
            assert answer.frontier["billing"] == answer.commit * 100
            versions |= parts
    finally:
        done.set()
        writer.join()
        reader.close()
    assert len(versions) > 3, "the writer did not overlap the reads; the test proves nothing"


def test_answer_states_frontier_and_age(store: Lookup) -> None:
    """The answer carries the frontier, and per source how long ago its newest shown commit was."""
    write_version(store, 12)
    answer = store.account("A", now_ms=12_800)
    assert (answer.commit, answer.frontier) == (12, {"billing": 1_200, "erp": 7})
    assert answer.age_ms == {"billing": 800, "erp": 1_300}


def test_answer_below_the_demanded_frontier_is_refused(store: Lookup) -> None:
    """A reader that has seen position 1201 gets a refusal that names both positions, not an older answer."""
    write_version(store, 12)
    assert store.account("A", {"billing": 1_200}).commit == 12
    with pytest.raises(LookupRefused, match="billing is at 1200, below the demanded 1201"):
        store.account("A", {"billing": 1_201})
    with pytest.raises(LookupRefused, match="no source 'crm'"):
        store.account("A", {"crm": 1})


def test_answer_that_is_too_old_is_refused(store: Lookup) -> None:
    """The oldest source decides, and the refusal names it."""
    write_version(store, 12)
    assert store.account("A", max_age_ms=1_300, now_ms=12_800).commit == 12
    with pytest.raises(LookupRefused, match="1300 ms old in erp"):
        store.account("A", max_age_ms=1_299, now_ms=12_800)


def test_store_that_is_being_filled_refuses(store: Lookup) -> None:
    """Before the first whole cut, and while a backlog is written as it comes, there is no answer."""
    with pytest.raises(LookupRefused, match="being filled"):
        store.account("A")
    write_version(store, 12)
    store.apply(store.state().token, state_fields(CATCHING_UP, 13, None, {}, {}), [])
    with pytest.raises(LookupRefused, match="being filled"):
        store.account("A")


def test_unknown_account_is_not_an_empty_one(store: Lookup) -> None:
    """An account that the view does not hold is an error of its own, with the frontier it was looked up at."""
    write_version(store, 12)
    with pytest.raises(UnknownAccount, match=r"'B' is not in the view at .*1200"):
        store.account("B")


def test_store_that_is_down_is_named() -> None:
    """The error names the service, the address and the next step."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(Unreachable, match=f"Redis.*{url}.*concord stack up"):
        Lookup(url, "test.").account("A")


def test_killed_store_keeps_data_and_place_together(tmp_path: Path) -> None:
    """kill -9 between two steps: after the restart the data is exactly that of the offsets that the store holds."""
    with PrivateValkey(tmp_path) as valkey:
        store = Lookup(valkey.url, "test.")
        store.begin(store.state())
        for version in range(1, 30):
            write_version(store, version)
        valkey.kill()
        with pytest.raises(Unreachable):
            write_version(store, 30)
        valkey.start()
        answer = store.account("A")
        assert answer.commit == 29
        assert {answer.objects[part]["A"]["version"] for part in PARTS} == {29}
        write_version(store, 30)
        assert store.account("A").commit == 30
        store.close()
