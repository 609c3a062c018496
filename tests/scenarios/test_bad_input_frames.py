"""Bytes that cannot be read are parked by name with their place; every other row goes on; kill -9 changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.running_stack import RunningStack
from tests.scenarios.hand_made import Place, account, customer, invoice
from tests.scenarios.input_lab import InputLab, input_lab

pytestmark = pytest.mark.stack
JSON_SCHEMA = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}
#: a schema id that no registry gives
UNKNOWN_ID = b"\x00\x7f\xff\xff\xff"


@pytest.fixture(scope="module")
def lab(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InputLab]:
    """A running flow of two processes with account A-1: what one process reads, the other one has to judge."""
    with input_lab(stack, tmp_path_factory.mktemp("frames")) as found:
        found.configure(2)
        found.flow.start()
        found.billing.commit(account(1))
        found.beat(10)
        found.caught_up()
        yield found


def parked_at(lab: InputLab, place: Place) -> list[str]:
    """Codes of the parked records of one place."""
    return [p["code"] for p in lab.parked() if (p["topic"], p["partition"], p["offset"]) == place]


GARBAGE = {
    "zero length": (b"", "MALFORMED_FRAME"),
    "three bytes": (b"\x00\x00\x01", "MALFORMED_FRAME"),
    "not Avro": (b'{"id": 1}', "MALFORMED_FRAME"),
    "an unknown schema id": (UNKNOWN_ID + b"\x02\x04", "UNKNOWN_SCHEMA_ID"),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_outside_a_transaction(lab: InputLab, kind: str) -> None:
    """Somebody writes garbage into a topic: what is behind it is published at once, and its source's clock parks it."""
    value, code = GARBAGE[kind]
    key = lab.billing.key(invoice(900, 1))
    place = lab.billing.write("invoices", key, value)
    number = 100 + list(GARBAGE).index(kind)
    lab.billing.commit(invoice(number, 1))
    lab.beat(10)
    lab.caught_up()
    assert f"INV-{number}" in lab.newest("invoice")
    lab.beat(6_000)
    lab.until(lambda: parked_at(lab, place) == [code], f"{code} at {place}")


SPOILT = {
    "zero length": (lambda value: b"", "MALFORMED_FRAME"),
    "truncated": (lambda value: value[:-3], "MALFORMED_FRAME"),
    "not Avro": (lambda value: b"garbage", "MALFORMED_FRAME"),
    "an unknown schema id": (lambda value: UNKNOWN_ID + value[5:], "UNKNOWN_SCHEMA_ID"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_row_of_a_transaction(lab: InputLab, kind: str) -> None:
    """The other rows of its transaction are applied, an exception says that one is missing, and what follows goes on."""
    spoil, code = SPOILT[kind]
    number = 200 + 10 * list(SPOILT).index(kind)
    bad = invoice(number + 1, 1)._replace(spoil=spoil)
    place = lab.billing.commit(invoice(number, 1), bad, invoice(number + 2, 1))[1]
    lab.billing.commit(invoice(number + 3, 1))
    lab.beat(6_000)
    lab.beat(10)
    lab.caught_up()
    lab.until(lambda: parked_at(lab, place) == [code], f"{code} at {place}")
    shown = lab.newest("invoice")
    assert [f"INV-{number + n}" in shown for n in range(4)] == [True, False, True, True]
    lab.billing.commit(invoice(number + 1, 1)._replace(op="u"))
    lab.beat(10)
    lab.caught_up()
    assert f"INV-{number + 1}" in lab.newest("invoice")


def test_killed_while_a_spoilt_transaction_waits(lab: InputLab) -> None:
    """The new process reads the spoilt record again, waits as the old one did, and parks it once."""
    bad = invoice(251, 1)._replace(spoil=lambda value: value[:9])
    place = lab.billing.commit(invoice(250, 1), bad)[1]
    lab.erp.commit(customer(1))
    lab.until(lambda: "INV-250" not in lab.newest("invoice") and lab.has_taken(lab.erp), "the ERP's change behind it")
    lab.restart()
    lab.beat(6_000)
    lab.beat(10)
    lab.caught_up()
    lab.until(lambda: parked_at(lab, place) == ["MALFORMED_FRAME"], f"{place} once")
    assert "INV-250" in lab.newest("invoice")


def test_a_schema_of_another_kind(lab: InputLab) -> None:
    """The id is that of a JSON schema: the record is parked, and the flow does not end over it again and again."""
    url = f"{lab.settings.registry}{lab.settings.registry_path}/subjects/{lab.billing.name}-json/versions"
    answer = httpx.post(url, json={"schemaType": "JSON", "schema": json.dumps(JSON_SCHEMA)}, timeout=20)
    number = int(answer.raise_for_status().json()["id"])
    place = lab.billing.write("invoices", lab.billing.key(invoice(310, 1)), b"\x00" + number.to_bytes(4, "big") + b"{}")
    lab.billing.commit(invoice(311, 1))
    lab.beat(6_000)
    lab.until(lambda: parked_at(lab, place) == ["NOT_AN_ENVELOPE"], f"NOT_AN_ENVELOPE at {place}")
    assert "INV-311" in lab.newest("invoice")


def test_a_spoilt_end_of_a_transaction(lab: InputLab) -> None:
    """The rows that it counted are applied before the next transaction; that nobody can count them any more is an exception."""
    lab.billing.spoil_next_end = lambda value: value[:-1]
    lab.billing.commit(invoice(300, 1), invoice(301, 1))
    lab.billing.commit(invoice(302, 1))
    lab.beat(6_000)
    lab.beat(10)
    lab.caught_up()
    assert {"INV-300", "INV-301", "INV-302"} <= set(lab.newest("invoice"))
    (bad,) = [one for one in lab.parked() if one["topic"] == f"{lab.billing.name}.transaction"]
    assert (bad["code"], bad["partition"]) == ("MALFORMED_FRAME", 0)


def test_everything_is_counted_and_kill_nine_changes_nothing(lab: InputLab) -> None:
    """in = applied + ignored + parked + waiting, by `concord status`, with the places; the same after kill -9 and restart."""
    before = lab.printed_status()
    assert before["parked"]["by_reason"] == {"MALFORMED_FRAME": 8, "NOT_AN_ENVELOPE": 1, "UNKNOWN_SCHEMA_ID": 2}
    assert before["parked"]["total"] == before["balance"]["parked"] == 11
    assert before["balance"]["balanced"]
    assert before["exceptions"]["by_kind"] == {"INCOMPLETE_TRANSACTION": 6}
    for sample in before["parked"]["samples"]:
        assert sample["topic"].startswith(f"{lab.billing.name}.")
        assert sample["partition"] >= 0
        assert sample["offset"] >= 0
        assert sample["reason"]
    lab.restart()
    lab.beat(10)
    lab.caught_up()
    after = lab.status()
    assert after["parked"] == before["parked"]
    assert after["balance"] == before["balance"]
    assert after["exceptions"] == before["exceptions"]
