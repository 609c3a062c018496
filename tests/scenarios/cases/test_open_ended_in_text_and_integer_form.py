"""PostgreSQL's infinity, as text and as the number of a timestamp field, is one open end; other giants are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.scenarios.cases.company import ACCOUNT, MICROS, TABLES, company, row, topic

SUBSCRIPTIONS = topic("billing.subscriptions")
FIELDS = {
    "valid_from": {"instant": "valid_from", "zone": "UTC"},
    "valid_until": {"instant": "valid_to", "zone": "UTC"},
}
TEXT = ["null", "string"]
YEAR_2099_MS = 4_070_908_800_000


def subscription(number: int, **columns: Any) -> dict[str, Any]:
    """A row with both ends."""
    return row("billing.subscriptions", number, **{"valid_from": None, "valid_to": None, **columns})


def test_infinity_is_an_explicit_open_end_in_both_encodings(tmp_path: Path) -> None:
    """G02: S-1 is active in 2099 in either form, S-2 started before everything, S-3 is parked with its raw value."""
    extra = {"valid_from": TEXT, "valid_to": TEXT}
    wire = company(
        tmp_path, mapping={"billing.subscriptions": {"fields": FIELDS}}, columns={"billing.subscriptions": extra}
    )
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    wire.commit(wire.put(SUBSCRIPTIONS, **subscription(1, valid_to="infinity")))
    wire.commit(wire.put(SUBSCRIPTIONS, **subscription(2, valid_from="-infinity", plan_code="enterprise")))
    assert wire.live("subscription")["SUB-1"]["valid_until"] == "open-ended"
    assert wire.live("subscription")["SUB-2"]["valid_from"] == "open-started"
    assert wire.live("entitlement")[ACCOUNT]["tier"] == "enterprise"
    changes, before = len(wire.versions("change", ACCOUNT)), wire.live("subscription")["SUB-1"]
    wire.alter(
        SUBSCRIPTIONS, {"id": "long", **TABLES["billing.subscriptions"], "valid_from": MICROS, "valid_to": MICROS}
    )
    wire.commit(wire.put(SUBSCRIPTIONS, **subscription(1, valid_to=9_223_372_036_825_200_000)))
    now = wire.live("subscription")["SUB-1"]
    assert {**now, "billing": None} == {**before, "billing": None}
    assert len(wire.versions("change", ACCOUNT)) == changes
    wire.commit(wire.put(SUBSCRIPTIONS, **subscription(3, valid_to=9_000_000_000_000_000_000)))
    (parked,) = wire.parked()
    assert (parked["code"], parked["row"]) == ("OUT_OF_RANGE_TIMESTAMP", "3")
    assert "valid_to" in parked["reason"] and "9000000000000000000" in parked["reason"]
    raw = wire.decoder.row(-1, parked["frame"])
    assert raw is not None and raw["valid_to"] == 9_000_000_000_000_000_000
    wire.commit(wire.drop(SUBSCRIPTIONS, id=2), wire.drop(SUBSCRIPTIONS, id=3))
    wire.commit(after_ms=YEAR_2099_MS - wire.time_ms)
    assert wire.live("entitlement")[ACCOUNT]["tier"] == "premium"
    assert not [intent for intent in wire.live("intent").values() if intent["object"] == "invoice"]


def test_markers_of_an_open_end_are_declared(tmp_path: Path) -> None:
    """The kind: 9999-12-31 and the number of a date's infinity mean no end where the mapping says so, else a date or a refusal."""
    fields = {
        "started_on": {"date": "started_on", "open_ended": ["9999-12-31", -622191234]},
        "paid_until": {"instant": "paid_until", "open_ended": ["9999-12-31T23:59:59Z"]},
    }
    wire = company(tmp_path, mapping={"billing.subscriptions": {"fields": fields}})
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    rows = ((2932896, "9999-12-31T23:59:59+00:00"), (-622191234, "infinity"), (20000, "2026-01-01T00:00:00Z"))
    for number, (start, until) in enumerate(rows):
        image = row("billing.subscriptions", number, started_on=start, paid_until=until)
        wire.commit(wire.put(SUBSCRIPTIONS, **image))
    shown = [wire.live("subscription")[f"SUB-{number}"] for number in range(3)]
    assert [body["started_on"] for body in shown] == ["open-ended", "open-ended", "2024-10-04"]
    assert [body["paid_until"] for body in shown] == ["open-ended", "open-ended", "2026-01-01T00:00:00Z"]
    wire.commit(wire.put(topic("billing.invoices"), **row("billing.invoices", 1, issued_on=-622191234)))
    assert [body["code"] for body in wire.parked()] == ["OUT_OF_RANGE_DATE"]


def test_a_validity_begins_and_ends_without_an_event(tmp_path: Path) -> None:
    """The same for finite ends: nothing before valid_from, the tier from it on, nothing from valid_until on, also over a restart."""
    extra = {"valid_from": TEXT, "valid_to": TEXT}
    wire = company(
        tmp_path, mapping={"billing.subscriptions": {"fields": FIELDS}}, columns={"billing.subscriptions": extra}
    )
    wire.commit(wire.put(topic("billing.accounts"), **row("billing.accounts", 1)))
    times = {"valid_from": "2026-02-01T00:00:00+00", "valid_to": "2026-03-01 00:00:00+00"}
    wire.commit(wire.put(SUBSCRIPTIONS, **subscription(1, **times)))
    seen = []
    for day_ms in (1_769_904_000_000 - 1, 1_769_904_000_000, 1_772_323_200_000 - 1, 1_772_323_200_000):
        wire.restart()
        wire.commit(after_ms=day_ms - wire.time_ms)
        seen.append(wire.live("entitlement")[ACCOUNT]["tier"])
    assert seen == ["none", "premium", "premium", "none"]
