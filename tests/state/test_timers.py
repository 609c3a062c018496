"""Timers run on the sources' clock: settle times and ends of paid periods, also over restarts, each fired once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from connectors.mappings.loading import load_model
from state.model import Model
from state.output import Output
from state.row import Change
from state.shard import Shard
from tests.state.company import (
    ACCOUNT,
    SETTLE_MS,
    SOURCES,
    at,
    in_step,
    put,
    record,
    records,
    release,
    shard,
    transaction,
)

JUNE_15, JULY_1 = 1_781_481_600_000, 1_782_864_000_000  # 2026, UTC, ms


@cache
def paid_period_model() -> Model:
    """The demo's mapping, but a cancelled subscription entitles until its paid period ends."""
    with TemporaryDirectory() as folder:
        copytree(SOURCES, folder, dirs_exist_ok=True)
        path = Path(folder) / "billing" / "mapping.yaml"
        line = "      paid_until: {instant: paid_until}\n"
        path.write_text(path.read_text().replace(line, line + "      entitled_until: {instant: paid_until}\n"))
        return load_model(Path(folder), ("billing", "erp", "support"))


def cancelled(**columns: Any) -> Change:
    """A cancelled subscription, paid until the first of July."""
    return put("billing.subscriptions", 1, status="cancelled", paid_until="2026-07-01T00:00:00Z", **columns)


def tier(out: Output) -> str | None:
    """The entitlement that was published, None if none was."""
    found = records(out).get(("entitlement", ACCOUNT))
    return found["tier"] if found else None


def test_entitled_until_the_paid_period_ends() -> None:
    """Cancelled: entitled to the last millisecond, then not, without any event, published once (case G32)."""
    target = shard(of=paid_period_model())
    out = at(target, JUNE_15, put("billing.accounts", 1), cancelled())
    assert (tier(out), record(out, "entitlement")["until"]) == ("premium", "2026-07-01T00:00:00Z")
    assert record(out, "subscription", "SUB-1")["renews"] is False
    assert not at(target, JULY_1 - 1).records
    out = at(target, JULY_1)
    assert (tier(out), record(out, "account")["tier"]) == ("none", "none")
    assert not at(target, JULY_1 + 60_000).records


def test_open_ended_never_ends_and_expired_does_not_entitle() -> None:
    """Infinity is later than every instant; another state with the same end entitles to nothing."""
    target = shard(of=paid_period_model())
    endless = put("billing.subscriptions", 2, plan_code="enterprise", status="cancelled", paid_until="infinity")
    assert tier(at(target, JUNE_15, put("billing.accounts", 1), cancelled(), endless)) == "enterprise"
    assert tier(at(target, JULY_1 * 2)) == "enterprise"
    assert (
        tier(at(target, JULY_1 * 2 + 1, put("billing.subscriptions", 2, status="past_due", plan_code="basic")))
        == "standard"
    )


def restored(clock_ms: int, *changes: Change, of: Model | None = None, at_ms: int = JUNE_15) -> Shard:
    """A shard that reads its rows back; the last cut's clock was `clock_ms`."""
    target = shard(of=of)
    for change in changes:
        target.load(change.account, change.table, change.key, at_ms, at_ms, change.frame)
    target.load_clock(clock_ms)
    return target


def test_an_end_that_was_due_while_down_fires_once() -> None:
    """Soon after the restart, without any event; not again after the next one, whose last cut lies behind it (case G21)."""
    rows = (put("billing.accounts", 1), cancelled())
    late = restored(JULY_1 - 1, *rows, of=paid_period_model())
    assert tier(at(late, JULY_1 + 300_000)) == "none"
    assert not at(late, JULY_1 + 300_001).records
    again = restored(JULY_1 + 300_000, *rows, of=paid_period_model())
    assert not at(again, JULY_1 + 600_000).records


def test_every_quiet_account_fires_in_the_first_cut_after_a_restart() -> None:
    """The clock that is stored with that cut says that they have fired: none may be left for a later one."""
    target = shard(of=paid_period_model())
    accounts = [f"A-{n:06d}" for n in range(300)]
    for name in accounts:
        for change in (put("billing.accounts", 1, account=name, number=name), cancelled(account=name)):
            target.load(name, change.table, change.key, JUNE_15, JUNE_15, change.frame)
    target.load_clock(JULY_1 - 1)
    fired = [key for kind, key in records(at(target, JULY_1)) if kind == "entitlement"]
    assert sorted(fired) == accounts


def test_a_settling_difference_keeps_its_age_over_a_restart() -> None:
    """The timer comes back from the published intent: wanted when its own time has come, neither sooner nor later."""
    before = in_step()
    changed = put("billing.invoices", 1, status="paid")
    (name, intent), *_ = at(before, 2000, changed).intents
    assert intent is not None
    rows = [put("billing.accounts", 1), changed, put("billing.invoice_lines", 1), put("erp.customers", 1)]
    rows += [put("erp.sales_invoices", 1), put("erp.sales_invoice_lines", 1), put("support.organizations", 1)]
    rows += [put("billing.subscriptions", 1)]
    after = restored(2000, *rows, at_ms=1000)
    after.load_intent(intent)
    assert not at(after, 2000 + SETTLE_MS - 1).intents
    assert at(after, 2000 + SETTLE_MS).intents == [(name, {**intent, "state": "wanted"})]
    assert not at(after, 90_000).intents


def test_a_source_that_lags_makes_no_difference_look_older() -> None:
    """In one release billing may be ahead of the ERP: the age counts from the newest transaction that touched the object."""
    target = in_step()
    ahead = transaction(50_000, put("billing.invoices", 1, status="paid"))
    behind = transaction(20_000, put("erp.sales_invoices", 1, version=2))
    ((_, intent),) = target.apply(release(50_000, ahead, behind)).intents
    assert intent is not None
    assert (intent["state"], intent["since_ms"]) == ("settling", 50_000)


def test_a_wanted_intent_is_not_published_again_after_a_restart() -> None:
    """It is open as before: touched without a change it stays silent, healed it is seen."""
    before = in_step()
    changed = put("billing.invoices", 1, status="paid")
    at(before, 2000, changed)
    ((_, intent),) = at(before, 9000).intents
    assert intent is not None
    rows = [put("billing.accounts", 1), changed, put("billing.invoice_lines", 1), put("erp.customers", 1)]
    rows += [put("erp.sales_invoices", 1), put("erp.sales_invoice_lines", 1)]
    after = restored(9000, *rows, at_ms=1000)
    after.load_intent(intent)
    at(after, 9500, put("support.organizations", 1), put("support.cases", 1))
    assert not [i for _, i in at(after, 9600, changed).intents if i and i["object"] == "invoice"]
    out = at(after, 9700, put("erp.sales_invoices", 1, state="paid"))
    assert out.intents == [(intent["id"], {**intent, "state": "seen"})]
