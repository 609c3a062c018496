"""Two kinds of columns that real schemas have: a flag that is a state, and a timestamp without zone that stands for a day."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.mappings.checking.against_columns import Described
from connectors.mappings.checking.check import Truth, check
from connectors.mappings.loading import MappingError, load_model
from tests.scenarios.cases.company import MICROS, company, row, topic
from tests.scenarios.cases.wire import Wire

SOURCES = Path(__file__).resolve().parents[3] / "debezium"
TIERS = ("none", "standard", "premium", "enterprise")
SUBSCRIPTIONS = topic("billing.subscriptions")
#: 2026-01-30T23:30:00 on the clock
LATE_US = 1_769_815_800_000_000
STATUS = "status: {label: status, values: {trial: trial, active: active, past_due: past_due, cancelled: cancelled}}"


def flagged(folder: Path, values: dict[str | bool | None, str]) -> Wire:
    """Subscriptions whose state is the boolean column `running`."""
    fields = {"status": {"label": "running", "values": values}}
    wire = company(
        folder, mapping={"billing.subscriptions": {"fields": fields}},
        columns={"billing.subscriptions": {"running": ["null", "boolean"]}},
    )  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    return wire


def states(wire: Wire) -> list[tuple[str | None, list[str]]]:
    """(status, flags) of a running one, one that is not, and one that nobody knows of."""
    for key, running in ((1, True), (2, False), (3, None)):
        wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", key, running=running)))
    found = wire.live("subscription")
    return [(found[f"SUB-{key}"]["status"], found[f"SUB-{key}"]["flags"]) for key in (1, 2, 3)]


def test_a_boolean_is_a_label(tmp_path: Path) -> None:
    """true and false are labels; NULL is none, unless the value map says what it means."""
    wire = flagged(tmp_path, {True: "active", False: "cancelled"})
    assert states(wire) == [("active", []), ("cancelled", []), (None, ["UNMAPPED_STATUS"])]
    assert not wire.parked()


def test_null_may_mean_something(tmp_path: Path) -> None:
    """`null` in the value map; a label that it lacks is shown as it came."""
    wire = flagged(tmp_path, {None: "trial", True: "active"})
    assert states(wire) == [("active", []), ("false", ["UNMAPPED_STATUS"]), ("trial", [])]


@pytest.mark.parametrize(
    ("options", "day"),
    [
        ({"clock": "local"}, "2026-01-30"),
        ({"clock": "UTC"}, "2026-01-30"),
        ({"clock": "UTC", "zone": "Europe/Berlin"}, "2026-01-31"),
        ({"clock": "Asia/Tokyo", "zone": "America/New_York"}, "2026-01-30"),
        ({"clock": "America/New_York", "zone": "UTC"}, "2026-01-31"),
    ],
)
def test_a_day_on_a_clock(tmp_path: Path, options: dict[str, str], day: str) -> None:
    """23:30 on a clock without zone: its own day, or the day elsewhere of the instant that the declared clock showed."""
    fields = {"started_on": {"date": "begun", **options}}
    wire = company(tmp_path, mapping={"billing.subscriptions": {"fields": fields}},
                   columns={"billing.subscriptions": {"begun": MICROS}})  # fmt: skip
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, begun=LATE_US)))
    assert wire.live("subscription")["SUB-1"]["started_on"] == day
    wire.commit(wire.put(SUBSCRIPTIONS, **row("billing.subscriptions", 1, begun=None)))
    assert wire.live("subscription")["SUB-1"]["started_on"] is None


def mapped(folder: Path, old: str, new: str) -> Path:
    """The demo's billing mapping with one line changed; its folder."""
    made = folder / "billing"
    made.mkdir()
    for name in ("mapping.yaml", "connector.json", "prepare.sql"):
        text = (SOURCES / "billing" / name).read_text()
        assert name != "mapping.yaml" or old in text
        (made / name).write_text(text.replace(old, new))
    return made


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (STATUS, "status: {label: running, values: {true: active, false: gone}}", r"55: gone is no status"),
        (STATUS, "status: {label: running, values: {null: gone, true: active}}", r"41: gone is no status"),
        ("started_on: {date: started_on}", "started_on: {date: started_on, clock: Berlin}", r"38: Berlin is no time zone"),
        ("started_on: {date: started_on}", "started_on: {date: started_on, clock: local, zone: UTC}", r"7: .*no `zone` beside it"),
        ("mrr: {money: mrr_minor", "mrr: {clock: local, money: mrr_minor", r"7: .*`clock` belongs to a field of kind date"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    """File, line and column, also of a label that is no text in YAML."""
    mapped(tmp_path, old, new)
    with pytest.raises(MappingError, match=rf"billing/mapping\.yaml:\d+:{says}"):
        load_model(tmp_path, ("billing",))


def test_yes_and_off_are_words(tmp_path: Path) -> None:
    """Labels of a text column that YAML 1.1 took for booleans stay what they look like."""
    mapped(tmp_path, STATUS, "status: {label: status, values: {on: active, off: cancelled, yes: trial}}")
    model = load_model(tmp_path, ("billing",))
    table = next(t for t in model.tables if t.name == "public.subscriptions")
    assert table.object is not None
    status = next(field for field in table.object.fields if field is not None and field.name == "status")
    assert status.labels == {"on": "active", "off": "cancelled", "yes": "trial"}


def test_the_check_holds_both_against_the_schema(tmp_path: Path) -> None:
    """A flag needs both labels, a moment needs its clock, a day none: told with the next step."""
    day = {"type": "int", "connect.name": "io.debezium.time.Date"}
    moment = {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}
    names = ("id", "account_id", "plan_code", "status", "mrr_minor", "paid_until")
    columns = dict.fromkeys(names, Described(None)) | {
        "started_on": Described(day), "begun": Described(moment), "running": Described("boolean"),
    }  # fmt: skip
    truth = Truth("schemas", columns={"public.subscriptions": columns})
    for number, (old, new, code, step) in enumerate(
        (
            (STATUS, "status: {label: running, values: {true: active, never: cancelled}}", "UNMAPPED_STATUS", "add false"),
            ("started_on: {date: started_on}", "started_on: {date: begun}", "WRONG_COLUMN_TYPE", "docs/types.md"),
            ("started_on: {date: started_on}", "started_on: {date: begun, zone: UTC}", "ZONE_NOT_DECLARED", "add `clock`"),
            ("started_on: {date: started_on}", "started_on: {date: started_on, clock: local}", "WRONG_COLUMN_TYPE", ""),
        )
    ):  # fmt: skip
        home = tmp_path / str(number)
        home.mkdir()
        report = check(mapped(home, old, new), SOURCES.parent / "avro", truth, TIERS)
        told = [one for one in report.findings if one.code == code]
        assert told and step in str(told[0]), (new, [str(one) for one in report.findings])
