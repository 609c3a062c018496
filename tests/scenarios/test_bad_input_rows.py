"""Rows that can be read and cannot be used: each waits, is flagged, parked or ignored by its own rule; kill -9 changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.running_stack import RunningStack
from tests.scenarios.hand_made import Place, Row, account, customer, invoice, sales_invoice, subscription
from tests.scenarios.input_lab import InputLab, input_lab

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InputLab]:
    """A running flow with accounts A-1 and A-2, known to billing and the ERP."""
    with input_lab(stack, tmp_path_factory.mktemp("rows")) as found:
        found.flow.start()
        found.billing.commit(account(1), account(2))
        found.erp.commit(customer(1), customer(2))
        settle(found)
        yield found


def settle(lab: InputLab, milliseconds: int = 10) -> None:
    """Time passes, and everything is published."""
    lab.beat(milliseconds)
    lab.caught_up()


def exceptions(lab: InputLab, kind: str) -> list[dict[str, Any]]:
    """Open exceptions of a kind."""
    return [record for record in lab.newest("exception").values() if record["kind"] == kind]


def parked_at(lab: InputLab, place: Place) -> list[str]:
    """Codes of the parked records of one place."""
    return [p["code"] for p in lab.parked() if (p["topic"], p["partition"], p["offset"]) == place]


def undisturbed(lab: InputLab, number: int) -> None:
    """A change of the other account goes through at once."""
    lab.billing.commit(invoice(number, 2))
    settle(lab)
    assert f"INV-{number}" in lab.newest("invoice")


def nothing(_lab: InputLab) -> None:
    """No interruption."""


def killed(lab: InputLab) -> None:
    """kill -9 and a new start."""
    lab.restart()
    settle(lab)


@pytest.mark.parametrize(("meanwhile", "number"), [(nothing, 11), (killed, 12)])
def test_a_row_without_a_known_account_waits(lab: InputLab, meanwhile: Callable[[InputLab], None], number: int) -> None:
    """It is told after the grace with its place, and taken back when the account appears; a restart in between is the same."""
    (place,) = lab.billing.commit(invoice(number, number))
    settle(lab)
    undisturbed(lab, 100 + number)
    assert lab.status()["balance"]["waiting"] == 1
    settle(lab, 2_500)
    (told,) = exceptions(lab, "UNKNOWN_ACCOUNT")
    assert f"(partition {place.partition}, offset {place.offset})" in told["text"]
    assert place.topic in told["text"]
    meanwhile(lab)
    status = lab.status()
    assert (status["balance"]["waiting"], status["balance"]["balanced"]) == (1, True)
    assert status["exceptions"]["by_kind"] == {"UNKNOWN_ACCOUNT": 1}
    assert exceptions(lab, "UNKNOWN_ACCOUNT") == [told]
    lab.billing.commit(account(number))
    settle(lab)
    assert exceptions(lab, "UNKNOWN_ACCOUNT") == []
    assert lab.newest("invoice")[f"INV-{number}"]["account"] == f"A-{number}"
    assert lab.status()["balance"]["waiting"] == 0


def test_an_account_that_appears_first_after_a_kill(lab: InputLab) -> None:
    """The exception was told before the crash; the new process takes it back although it never told it itself."""
    lab.billing.commit(invoice(13, 13))
    settle(lab, 2_500)
    assert len(exceptions(lab, "UNKNOWN_ACCOUNT")) == 1
    lab.flow.kill_all()
    lab.billing.commit(account(13))
    lab.beat(10)
    lab.flow.start()
    lab.caught_up()
    assert exceptions(lab, "UNKNOWN_ACCOUNT") == []
    assert "INV-13" in lab.newest("invoice")


def test_a_record_without_key_is_known_by_its_row(lab: InputLab) -> None:
    """A missing or empty Kafka key: the declared key columns of the row identify it, never a common or random account."""
    lab.billing.commit(invoice(20, 1)._replace(keyless=True))
    lab.billing.commit(invoice(20, 1, total_minor=5)._replace(keyless=True, op="u"))
    settle(lab)
    assert lab.newest("invoice")["INV-20"]["total_minor"] == 5


def test_a_missing_primary_key_is_parked(lab: InputLab) -> None:
    """Neither a key nor a row image: MISSING_KEY; the rest of its transaction is applied."""
    lost = Row("invoices", "d", None, keyless=True)
    place, _ = lab.billing.commit(lost, invoice(21, 1))
    lab.beat(6_000)
    settle(lab)
    lab.until(lambda: parked_at(lab, place) == ["MISSING_KEY"], "MISSING_KEY")
    assert "INV-21" in lab.newest("invoice")
    undisturbed(lab, 121)


def test_an_unmapped_label_is_shown_and_derives_nothing(lab: InputLab) -> None:
    """G05: the status is shown as it came and flagged, an exception says so, no correction comes of it, nothing is parked."""
    parked = len(lab.parked())
    lab.billing.commit(account(30), subscription(30, 30, status="paused"), invoice(30, 30, status="disputed"))
    lab.erp.commit(customer(30))
    settle(lab, 10_000)
    settle(lab, 10_000)
    record = lab.newest("subscription")["SUB-30"]
    assert (record["status"], record["flags"]) == ("paused", ["UNMAPPED_STATUS"])
    assert lab.newest("invoice")["INV-30"]["flags"] == ["UNMAPPED_STATUS"]
    assert {one["object_id"] for one in exceptions(lab, "UNMAPPED_STATUS")} == {"SUB-30", "INV-30"}
    assert [intent for intent in lab.newest("intent").values() if intent["account_id"] == "A-30"] == []
    assert len(lab.parked()) == parked
    undisturbed(lab, 130)


def test_invalid_precision_is_parked_and_never_rounded(lab: InputLab) -> None:
    """G23: 500.5 JPY in the ERP is refused; the row's last good image stays in force; a good one takes it back."""
    lab.billing.commit(account(40, currency="JPY"))
    lab.erp.commit(customer(40, currency="JPY"), sales_invoice(40, 40, total="500"))
    settle(lab)
    (place,) = lab.erp.commit(sales_invoice(40, 40, total="500.5")._replace(op="u"))
    settle(lab)
    assert parked_at(lab, place) == ["INVALID_PRECISION"]
    assert len(exceptions(lab, "INVALID_PRECISION")) == 1
    assert lab.newest("invoice")["INV-40"]["flags"] == ["PARKED"]
    undisturbed(lab, 140)
    killed(lab)
    assert len(exceptions(lab, "INVALID_PRECISION")) == 1
    lab.erp.commit(sales_invoice(40, 40, total="501")._replace(op="u"))
    settle(lab)
    assert exceptions(lab, "INVALID_PRECISION") == []
    assert lab.newest("invoice")["INV-40"]["flags"] == []


def test_a_null_value_retires_its_row_once(lab: InputLab) -> None:
    """G13: of a live row a lone tombstone is the end; of an unknown row it is ignored; neither is parked."""
    lab.billing.commit(invoice(50, 1))
    settle(lab)
    before = lab.status()["balance"]
    live, unknown = invoice(50, 1), invoice(51, 1)
    lab.billing.write("invoices", lab.billing.key(live), None)
    lab.billing.write("invoices", lab.billing.key(unknown), None)
    settle(lab)
    lab.until(lambda: "INV-50" not in lab.newest("invoice"), "the end of INV-50")
    after = lab.status()["balance"]
    moved = {name: after[name] - before[name] for name in ("in", "applied", "ignored", "parked", "waiting")}
    assert moved == {"in": 2, "applied": 1, "ignored": 1, "parked": 0, "waiting": 0}


def test_truncate_retires_every_row_of_its_table(lab: InputLab) -> None:
    """All invoices of billing are gone in one cut, what the ERP says stays, rows that waited are over, the balance holds."""
    lab.billing.commit(invoice(60, 1), invoice(61, 2), invoice(62, 99))
    settle(lab, 2_500)
    lab.billing.commit(Row("invoices", "t", None))
    settle(lab)
    left = lab.newest("invoice")
    assert set(left) == {"INV-40"}
    assert left["INV-40"]["billing"] is None
    status = lab.status()
    assert (status["balance"]["waiting"], status["balance"]["balanced"]) == (0, True)
    assert exceptions(lab, "UNKNOWN_ACCOUNT") == []
    undisturbed(lab, 160)


def test_the_end_is_the_same_after_a_kill(lab: InputLab) -> None:
    """Counts, parked records, exceptions and the view, read again by a new process."""
    before, shown = lab.printed_status(), lab.newest("invoice")
    assert before["balance"]["balanced"]
    assert before["parked"]["by_reason"] == {"INVALID_PRECISION": 1, "MISSING_KEY": 1}
    killed(lab)
    after = lab.printed_status()
    for part in ("parked", "balance", "exceptions", "intents"):
        assert after[part] == before[part]
    assert lab.newest("invoice") == shown
