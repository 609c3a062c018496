"""`concord account ID --as-of`: the past as it is known now, through the look-up store; what is not known is said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.lookup_store.reader import Lookup, Versioned
from connectors.lookup_store.store_state import LIVE, state_fields
from console.account_history import moment_ms
from console.cli import main
from console.exits import Exit
from state.cuts import Progress
from state.values import instant_from_us
from tests.connectors.valkey import PrivateValkey
from tests.scenarios.cases.company import ACCOUNT
from tests.scenarios.cases.test_payment_returned_and_dispute_won import OBJECTS, company_with_dispute, history

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateValkey]:
    """A look-up store with everything that case G31 publishes."""
    wire = company_with_dispute(tmp_path_factory.mktemp("mappings"))
    history(wire)
    with PrivateValkey(Path(tmp_path_factory.mktemp("valkey"))) as server:
        store = Lookup(server.url, "concord.")
        store.begin(store.state())
        records = [
            Versioned(kind, key, 7, 0, number, ACCOUNT, json.dumps(body))
            for kind in OBJECTS
            for number, (key, body) in enumerate(wire.live(kind).items())
        ]
        clock = {"billing": time.time_ns() // 1_000_000}
        store.apply(
            store.state().token, state_fields(LIVE, 7, Progress(7, {"billing": 700}, clock, True), {}, {}), records
        )
        store.close()
        yield server


@pytest.fixture(autouse=True)
def settings(valkey: PrivateValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack file, the store of this file."""
    monkeypatch.setenv("CONCORD_STACK_DIR", str(tmp_path))
    monkeypatch.setenv("CONCORD_REDIS", valkey.url)


@pytest.mark.parametrize(
    ("day", "first", "second"),
    [
        ("2026-03-28", 134_000, 9_000),
        ("2026-04-01", 0, 0),
        ("2026-04-06", 134_000, 0),
        ("2026-04-10", 134_000, 9_000),
        ("2026-04-06T11:00:00Z", 0, 0),
    ],
)
def test_a_past_day_is_what_it_was(day: str, first: int, second: int, capsys: Output) -> None:
    """G31: invoice 1 was paid on 04-01 although its payment came back later; invoice 2 was open while it was disputed."""
    assert main(["account", ACCOUNT, "--as-of", day, "--json"]) == Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert [one["open_minor"] for one in found["invoices"]] == [first, second]
    assert found["totals"]["EUR"]["open_minor"] == first + second
    assert found["unknown"] == []


def test_for_people_it_says_as_of_when_and_by_which_commit(capsys: Output) -> None:
    """The day, the commit that it is known by, each object with its state then."""
    assert main(["account", ACCOUNT, "--as-of", "2026-04-01"]) == Exit.OK
    out = capsys.readouterr().out
    assert "as of 2026-04-01T23:59:59.999Z" in out
    assert "commit 7" in out
    assert "status succeeded" in out


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2026-04-01", None, "2026-04-01T23:59:59.999Z"),
        ("2026-04-01", "Pacific/Auckland", "2026-04-01T10:59:59.999Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-29T21:59:59.999Z"),  # summer time has begun that night
        ("2026-04-01T12:00:00+02:00", "Pacific/Auckland", "2026-04-01T10:00:00Z"),
    ],
)
def test_a_day_ends_where_the_account_is(day: str, zone: str | None, expected: str) -> None:
    """The whole day counts, in the zone that the account's record names; an instant is one."""
    assert instant_from_us(moment_ms(day, zone) * 1000) == expected


@pytest.mark.parametrize("day", ["yesterday", "2026-04-01T12:00:00", "2999-01-01"])
def test_a_moment_that_is_none_is_explained(day: str, capsys: Output) -> None:
    """No date, a wall clock without zone, a day to come: 2, and what to write instead."""
    assert main(["account", ACCOUNT, "--as-of", day]) == Exit.USAGE
    assert day in capsys.readouterr().err
