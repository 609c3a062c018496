"""Renewal milestones are told on the customer's local day, each once, whatever restarts, moves and new terms come between."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mappings.loading import load_model
from state.folding.milestones import midnight_ms
from state.model import Model
from state.output import Output
from state.row import Change, Transaction
from tests.state.beside import Beside
from tests.state.company import ACCOUNT, SOURCES, at, put, release, shard, transaction

DAYS = (90, 60, 30, 0)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BEGIN = date(2028, 1, 1)
BEGIN_MS = int(datetime(2028, 1, 1, tzinfo=UTC).timestamp() * 1000)
EPOCH = date(1970, 1, 1)
ZONES = ("UTC", "Pacific/Auckland", "America/New_York", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns")


@cache
def dated_model() -> Model:
    """The demo's mapping, with a day of renewal and zones of account and subscription."""
    with TemporaryDirectory() as folder:
        copytree(SOURCES, folder, dirs_exist_ok=True)
        path = Path(folder) / "billing" / "mapping.yaml"
        text = path.read_text().replace("      region: region\n", "      region: region\n      zone: zone\n")
        line = "      started_on: {date: started_on}\n"
        path.write_text(text.replace(line, f"{line}      renews_on: {{date: renews_on}}\n      zone: zone\n"))
        return load_model(Path(folder), ("billing", "erp", "support"))


def account(zone: str | None = None) -> Change:
    """The account and its zone."""
    return put("billing.accounts", 1, zone=zone)


def subscription(renews_on: date | None, zone: str | None = None, status: str = "active") -> Change:
    """A subscription and its next renewal."""
    day = None if renews_on is None else (renews_on - EPOCH).days
    return put("billing.subscriptions", 1, renews_on=day, zone=zone, status=status)


def told(out: Output) -> list[tuple[str, int]]:
    """(date, days before) of the renewal milestones that were told, in order."""
    found = [body["milestone"] for kind, _, _, body in out.records if kind == "change" and body and body["milestone"]]
    return [(one["date"], one["days_before"]) for one in found if one["name"] == "renewal"]


def first_instant(day: date, zone: str) -> int:
    """By looking at clocks: the first quarter of an hour at which it is that day there, or later."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    while moment.astimezone(ZoneInfo(zone)).date() < day:
        moment += timedelta(minutes=15)
    return int(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("day", "before", "zone", "expected"),
    [
        ("2028-03-30", 30, "UTC", "2028-02-29T00:00:00+00:00"),  # a leap year has that day
        ("2027-03-31", 30, "UTC", "2027-03-01T00:00:00+00:00"),  # days, not months
        ("2026-12-31", 90, "Pacific/Auckland", "2026-10-01T11:00:00+00:00"),  # summer time has begun there since
        ("2026-06-27", 90, "Europe/Berlin", "2026-03-28T23:00:00+00:00"),  # the day on which it begins
        ("2018-11-04", 0, "America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),  # that day has no midnight
        ("2011-12-30", 0, "Pacific/Apia", "2011-12-30T10:00:00+00:00"),  # nor is there that day: the next one counts
        ("2010-11-07", 0, "America/St_Johns", "2010-11-07T02:30:00+00:00"),  # its first minute comes twice
    ],
)
def test_the_day_begins_where_the_customer_is(day: str, before: int, zone: str, expected: str) -> None:
    """Leap years, ends of months, summer time, days without a midnight: by hand, and as clocks there show it."""
    found = midnight_ms(day, before, ZoneInfo(zone))
    assert found == int(datetime.fromisoformat(expected).timestamp() * 1000)
    assert found == first_instant(date.fromisoformat(day) - timedelta(days=before), zone)


def test_the_first_days_of_the_calendar_have_no_milestones() -> None:
    """What would lie before the year 1 is never reached."""
    assert midnight_ms("0001-01-05", 30, UTC) is None


def test_an_event_says_which_and_where() -> None:
    """Sixty days before 1 July in Auckland: 2 May there, told with its zone and instant; the account's record stays."""
    target = shard(of=dated_model())
    known_ms = int(datetime(2026, 4, 10, tzinfo=UTC).timestamp() * 1000)
    at(target, known_ms, account("Pacific/Auckland"), subscription(date(2026, 7, 1)))
    due_ms = int(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp() * 1000)
    assert not at(target, due_ms - 1).records
    ((kind, key, name, event),) = at(target, due_ms).records
    assert (kind, key, name) == ("change", ACCOUNT, ACCOUNT)
    assert event is not None and event["cause"] == "milestone" and event["time_ms"] == due_ms
    assert event["milestone"] == {
        "name": "renewal", "object": "subscription", "id": "SUB-1", "date": "2026-07-01", "days_before": 60,
        "due_at": "2026-05-01T12:00:00Z", "zone": "Pacific/Auckland",
    }  # fmt: skip
    assert not at(target, due_ms + DAY_MS).records


def test_what_is_over_renews_no_more() -> None:
    """A cancelled subscription has no milestones; taken up again, those that lie behind are not told late."""
    target = shard(of=dated_model())
    end = BEGIN + timedelta(days=100)
    at(target, BEGIN_MS, account(), subscription(end))
    at(target, BEGIN_MS + DAY_MS, subscription(end, status="cancelled"))
    assert told(at(target, BEGIN_MS + 45 * DAY_MS)) == []
    at(target, BEGIN_MS + 46 * DAY_MS, subscription(end))
    assert told(at(target, BEGIN_MS + 80 * DAY_MS)) == [(end.isoformat(), 30)]


class World:
    """What the sources say, and by the plain rule what must have been told; the shard that is tried beside it."""

    def __init__(self) -> None:
        """An account without a subscription."""
        self.shard, self.beside = shard(of=dated_model()), Beside()
        self.time_ms = self.clock_ms = BEGIN_MS
        self.rows: dict[int, tuple[int, Change]] = {}
        self.zones: list[str | None] = [None, None]
        self.day: date | None = None
        self.settled: set[int] = set()
        self.waiting: list[Transaction] = []
        self.expected: list[tuple[int, str, int]] = []
        self.found: list[tuple[int, str, int]] = []

    def instants(self) -> dict[int, int]:
        """When each milestone of the date of now is, where the subscription is now."""
        if self.day is None:
            return {}
        zone = self.zones[1] or self.zones[0] or "UTC"
        return {days: first_instant(self.day - timedelta(days=days), zone) for days in DAYS}

    def commit(self, after_ms: int, number: int, change: Change) -> None:
        """A transaction that billing has committed and no cut has published yet."""
        self.time_ms += after_ms
        self.rows[number] = self.time_ms, change
        self.waiting.append(transaction(self.time_ms, change))

    def move(self, after_ms: int, which: int, zone: str | None) -> None:
        """The account (0) or the subscription (1) lives in another zone from now on."""
        self.zones[which] = zone
        self.commit(after_ms, which, account(zone) if which == 0 else subscription(self.day, zone))

    def renew(self, after_ms: int, day: date | None) -> None:
        """Another date: what lies behind is settled."""
        changes, self.day = day != self.day, day
        self.commit(after_ms, 1, subscription(day, self.zones[1]))
        if changes:
            self.settled = {days for days, at_ms in self.instants().items() if at_ms <= self.time_ms}

    def cut(self, lag_ms: int) -> None:
        """Publish; the clock is that of the slowest source, and never goes back."""
        self.clock_ms = max(self.clock_ms, self.time_ms - lag_ms)
        out = self.shard.apply(release(self.clock_ms, *self.waiting))
        self.waiting = []
        self.beside.take(out)
        self.found += [(self.clock_ms, *one) for one in told(out)]
        due = [(at_ms, days) for days, at_ms in self.instants().items() if at_ms <= self.clock_ms]
        for _, days in sorted(due):
            if days not in self.settled and self.day is not None:
                self.settled.add(days)
                self.expected.append((self.clock_ms, self.day.isoformat(), days))

    def restart(self) -> None:
        """A new shard out of the stored rows, the notes and the clock."""
        self.shard = shard(of=dated_model())
        for position, change in self.rows.values():
            self.shard.load(ACCOUNT, change.table, change.key, position, position, change.frame)
        self.shard.load_clock(self.clock_ms)
        self.beside.load(self.shard)


STEPS = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 1), st.sampled_from((None, *ZONES))),
    st.tuples(st.just("renew"), st.one_of(st.none(), st.integers(0, 160)), st.none()),
    st.tuples(st.just("wait"), st.none(), st.none()),
    st.tuples(st.just("near"), st.sampled_from(DAYS), st.integers(-15, 15)),
    st.tuples(st.just("restart"), st.none(), st.none()),
)


HOURS, LAGS = st.sampled_from((1, 7, 30, 300, 960)), st.sampled_from((0, 0, 0, 5, 48))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), st.lists(st.tuples(STEPS, HOURS, LAGS, st.booleans()), min_size=1, max_size=15))
def test_told_once_over_restarts_moves_and_new_terms(home: str, steps: list[Any]) -> None:
    """Random restarts, changes of zone and of the date, cuts of several transactions, a clock that lags: what each cut
    tells is what the plain rule says: of each date each milestone once, unless it lay behind when the date came.

    Planted breaks, seen to fail: not keeping notes (Milestones._settle), decoding an account only when the new clock
    holds already (Shard._wake), UTC for every zone, telling what lay behind (Milestones.know).
    """
    world = World()
    world.move(1, 0, home)
    world.renew(1, BEGIN + timedelta(days=95))
    world.cut(0)
    for (what, first, second), hours, lag_hours, publish in steps:
        after_ms = hours * HOUR_MS
        if what == "move":
            world.move(after_ms, first, second)
        elif what == "renew":
            today = BEGIN + timedelta(days=(world.time_ms - BEGIN_MS) // DAY_MS)
            world.renew(after_ms, None if first is None else today + timedelta(days=first))
        elif what == "wait":
            world.time_ms += after_ms
        elif what == "near" and world.day is not None:  # some hours around a milestone
            near_ms = first_instant(world.day - timedelta(days=first), "UTC") + second * HOUR_MS
            world.time_ms = max(world.time_ms, near_ms)
        if publish or what == "restart":
            world.cut(lag_hours * HOUR_MS)
        if what == "restart":
            world.restart()
    world.time_ms += 300 * DAY_MS
    world.cut(0)
    assert world.found == world.expected


def test_a_note_is_kept_only_while_it_is_needed() -> None:
    """Told in Kiritimati, then moved to New York: the instant lies ahead again, which a note knows since it was told. It goes
    when the last zone has passed the day."""
    target = shard(of=dated_model())
    end = BEGIN + timedelta(days=95)
    at(target, BEGIN_MS, account("Pacific/Kiritimati"), subscription(end))
    day_ms = BEGIN_MS + 5 * DAY_MS
    out = at(target, day_ms - 14 * HOUR_MS)
    assert told(out) == [(end.isoformat(), 90)]
    assert [json.loads(json.dumps(note.body)) for note in out.notes] == [{"renewal": [end.isoformat(), ["renewal-90"]]}]
    for clock_ms in (day_ms - 13 * HOUR_MS, day_ms + 5 * HOUR_MS):  # the day begins in New York
        out = at(target, clock_ms, account("America/New_York"))
        assert told(out) == [] and out.notes == []
    out = at(target, day_ms + 14 * HOUR_MS)
    assert told(out) == [] and [note.body for note in out.notes] == [None]
