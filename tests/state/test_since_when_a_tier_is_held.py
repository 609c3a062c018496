"""The start of what an account is entitled to: by the source's own dates, else by the commit that brought it, for good."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mappings.loading import load_model
from state.accounts import StoredRow
from state.model import Model
from state.output import Output
from state.rederivation import Opened, derive
from state.row import Change
from state.shard import Shard
from state.values import instant_from_us
from tests.state.beside import Beside
from tests.state.company import ACCOUNT, SOURCES, at, decode, drop, everything, put, record, records, rules, shard

DAY = 86_400_000
#: the demo's subscriptions with every date that may say since when
DATES = "".join(
    f"      {name}: {{instant: {name}}}\n" for name in ("valid_from", "valid_until", "entitled_until", "effective_at")
)
Since = tuple[str | None, str | None, str]
NONE = dict.fromkeys(("valid_from", "valid_until", "entitled_until", "effective_at", "started_on"))
ACCOUNT_ROW = put("billing.accounts", 1, created_at="1970-01-05T00:00:00Z")


@cache
def dated() -> Model:
    """Its model."""
    with TemporaryDirectory() as folder:
        copytree(SOURCES, folder, dirs_exist_ok=True)
        path = Path(folder) / "billing" / "mapping.yaml"
        first = "      started_on: {date: started_on}\n"
        path.write_text(path.read_text().replace(first, first + DATES))
        return load_model(Path(folder), ("billing", "erp", "support"))


def text(day: float) -> str:
    """The instant so many days after the epoch."""
    found = instant_from_us(int(day * DAY) * 1000)
    assert found is not None
    return found


def sub(key: int, plan: str = "pro", status: str = "active", **dates: Any) -> Change:
    """A subscription; numbers are days since the epoch."""
    shown = {name: day if day is None or name == "started_on" else text(day) for name, day in dates.items()}
    return put("billing.subscriptions", key, plan_code=plan, status=status, **(NONE | shown))


def since(shown: Any) -> Since:
    """What a record says."""
    return shown["tier"], shown["since"], shown["since_reason"]


class Lab:
    """A shard over its life: days in, since when and why out. `stop` ends it and begins another from what is stored."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, str], tuple[int, Change]] = {}
        self.beside, self.target, self.clock_ms = Beside(), shard(of=dated()), 0
        self.shown: dict[str, Any] = {}

    def on(self, day: float, *changes: Change) -> Since:
        """(tier, since, reason) after these changes of one transaction, or after the day came without any."""
        self.clock_ms = int(day * DAY)
        self._take(at(self.target, self.clock_ms, *changes))
        for change in changes:
            self.rows.pop((change.table, change.key), None)
            if change.op != "d":
                self.rows[change.table, change.key] = self.clock_ms, change
        return self.now

    def _take(self, out: Output) -> None:
        self.beside.take(out)
        self.shown = records(out).get(("entitlement", ACCOUNT)) or self.shown

    @property
    def now(self) -> Since:
        """As published last."""
        return since(self.shown)

    def stored(self) -> Shard:
        """Another process that has read what is stored."""
        target = shard(of=dated())
        for (_, _), (position, change) in self.rows.items():
            target.load(ACCOUNT, change.table, change.key, position, position, change.frame)
        self.beside.load(target)
        target.load_clock(self.clock_ms)
        return target

    def stop(self) -> None:
        """A restart."""
        self.target = self.stored()


def test_the_sources_own_dates_come_first() -> None:
    """valid_from, else effective_at, else the first day; a date that the commit is ahead of says nothing yet."""
    assert Lab().on(100, ACCOUNT_ROW, sub(1, started_on=40)) == ("premium", "1970-02-10", "SUB-1 started on that day")
    assert Lab().on(100, ACCOUNT_ROW, sub(1, started_on=40, effective_at=60))[1:] == (
        text(60),
        "SUB-1 took effect then",
    )
    found = Lab().on(100, ACCOUNT_ROW, sub(1, started_on=40, effective_at=60, valid_from=50))
    assert found[1:] == (text(50), "SUB-1 is valid from then on")
    assert Lab().on(100, ACCOUNT_ROW, sub(1, started_on=120))[1:] == (
        text(100),
        "SUB-1 was brought by the commit of then",
    )
    assert Lab().on(100, ACCOUNT_ROW)[0::2] == ("none", "the account was created then")


def test_an_upgrade_begins_with_its_commit_for_good() -> None:
    """Started in January, upgraded on day 100: since the commit, also after later writes, restarts, and both.

    Planted breaks, seen to fail: the start of the subscription taken for that of the tier (state/spells.py), no note.
    """
    lab = Lab()
    lab.on(50, ACCOUNT_ROW, sub(1, "basic", started_on=40))
    upgraded = lab.on(100, sub(1, "enterprise", started_on=40))
    assert upgraded == ("enterprise", text(100), "SUB-1 was brought by the commit of then")
    lab.stop()
    assert lab.on(110, sub(1, "enterprise", "past_due", started_on=40)) == upgraded
    lab.stop()
    lab.on(
        120,
        sub(1, "enterprise", started_on=40),
        put("billing.accounts", 1, name="other", created_at="1970-01-05T00:00:00Z"),
    )
    lab.stop()
    assert since(everything(lab.target, lab.clock_ms)["entitlement", ACCOUNT]) == lab.now == upgraded


def test_a_tier_that_another_subscription_holds_goes_on() -> None:
    """The first gives premium since day 40 and falls to basic; the second keeps premium: since day 40, also after a stop."""
    lab = Lab()
    lab.on(60, ACCOUNT_ROW, sub(1, started_on=40), sub(2, started_on=55))
    assert lab.on(70, sub(1, "basic", started_on=40))[:2] == ("premium", "1970-02-10")
    lab.stop()
    assert lab.on(80, drop("billing.subscriptions", 1))[:2] == ("premium", "1970-02-10")
    lab.stop()
    assert lab.on(90, drop("billing.subscriptions", 2))[:2] == ("none", text(90))


def test_rows_that_come_late_and_dates_that_are_corrected() -> None:
    """On day 100 a row says that premium held since day 30 already; then that it did since day 45 only."""
    lab = Lab()
    lab.on(60, ACCOUNT_ROW, sub(1, valid_from=50))
    assert lab.on(100, sub(2, valid_from=30))[:2] == ("premium", text(30))
    assert lab.on(101, sub(2, valid_from=45))[:2] == ("premium", text(45))
    lab.stop()
    assert lab.on(102, sub(2, valid_from=48))[:2] == ("premium", text(48))


def test_what_ends_by_itself() -> None:
    """Enterprise is paid until day 90, basic runs on; the change comes with the clock, while nothing ran or not."""
    for stopped in (False, True):
        lab = Lab()
        lab.on(60, ACCOUNT_ROW, sub(1, "enterprise", started_on=40), sub(2, "basic", started_on=50))
        lab.on(70, sub(1, "enterprise", "cancelled", started_on=40, entitled_until=90))
        assert lab.now[:2] == ("enterprise", "1970-02-10")
        if stopped:
            lab.stop()
        assert lab.on(95) == ("standard", text(90), "SUB-1 entitled until then")
        lab.stop()
        assert lab.on(96, sub(2, "basic", "cancelled", started_on=50, effective_at=93)) == (
            "none", text(93), "SUB-2 took effect then",
        )  # fmt: skip


def test_a_merge_begins_what_it_brings() -> None:
    """A subscription that came from a merged account entitles this one since the merge, unless it says since when itself."""
    lab = Lab()
    lab.on(60, ACCOUNT_ROW)
    assert lab.on(100, sub(1, started_on=40)._replace(op="m"))[:2] == ("premium", text(100))
    lab.stop()
    assert lab.on(101, sub(1, started_on=40))[:2] == ("premium", text(100))
    assert lab.on(102, drop("billing.subscriptions", 1), sub(3)._replace(op="m"))[:2] == ("premium", text(100))
    assert lab.on(103, sub(2, "enterprise", valid_from=70)._replace(op="m"))[:2] == ("enterprise", text(70))


def test_a_tier_that_cannot_be_known_has_no_beginning() -> None:
    """A plan that the mapping does not know; known again, the tier goes on."""
    lab = Lab()
    lab.on(60, ACCOUNT_ROW, sub(1, started_on=40))
    assert lab.on(70, sub(2, "gold", started_on=40)) == (None, None, "the tier is not known")
    lab.stop()
    assert lab.on(80, drop("billing.subscriptions", 2))[:2] == ("premium", "1970-02-10")


_DAYS = st.sampled_from((None, None, 20, 45, 70))
STEPS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.one_of(
            st.builds(sub, st.integers(1, 3), st.sampled_from(("basic", "pro", "enterprise", "gold")),
                      st.sampled_from(("active", "past_due", "paused", "cancelled")),
                      valid_from=_DAYS, valid_until=_DAYS, entitled_until=_DAYS, effective_at=_DAYS, started_on=_DAYS),
            st.builds(drop, st.just("billing.subscriptions"), st.integers(1, 3)),
            st.just(ACCOUNT_ROW),
        ),
    ),
    min_size=1,
    max_size=15,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 15))
def test_restarts_and_deriving_anew_change_nothing(steps: list[tuple[int, Change]], stop: int) -> None:
    """Any history, stopped anywhere: what follows is published as if it had not, and deriving anew says what is published."""
    lab, other, day = Lab(), Lab(), 40
    for one in (lab, other):
        one.on(day, ACCOUNT_ROW)
    for number, (days, change) in enumerate(steps):
        day += days
        if number == stop:
            other.stop()
        lab.on(day, change)
        other.on(day, change)
        assert lab.shown == other.shown
    notes = lab.beside.notes()
    accounts = {ACCOUNT: [StoredRow(c.table, c.key, at_ms, at_ms, c.frame) for at_ms, c in lab.rows.values()]}
    opened = Opened({}, {}, {ACCOUNT: notes})
    (found,) = derive(lambda: Shard(dated(), decode, rules()), accounts, opened, lab.clock_ms)
    assert since(record(found.output, "entitlement")) == lab.now
