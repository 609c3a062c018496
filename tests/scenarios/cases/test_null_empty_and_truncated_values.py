"""A null value, an empty value and a truncated value are three different things, and the counts tell them apart."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.cases.company import ACCOUNT, company, row, topic

CREDITS = topic("billing.credits")


def test_each_of_the_three_is_what_it_is(tmp_path: Path) -> None:
    """G13: keys 5 and 6 are retired once, one tombstone means nothing, keys 7 and 8 are MALFORMED_FRAME; counts balance."""
    wire = company(tmp_path)
    accounts = [wire.put(topic("billing.accounts"), **row("billing.accounts", 1))]
    wire.commit(*accounts, *(wire.put(CREDITS, **row("billing.credits", key)) for key in (5, 6)))
    before, asked = wire.counts(), len(wire.registry.asked)
    wire.commit(wire.drop(CREDITS, id=5))
    keys = {number: wire.key_frame(CREDITS, {"id": number}) for number in (6, 7, 8)}
    wire.feed([wire.message(CREDITS, keys[6], None)])
    wire.feed([wire.message(CREDITS, keys[7], b""), wire.message(CREDITS, keys[8], b"\x00\x00\x01")])
    assert wire.versions("credit", "CR-5").count(None) == wire.versions("credit", "CR-6").count(None) == 1
    assert wire.live("credit") == {} and wire.live("account")[ACCOUNT]["credits"] == 0
    after = wire.counts()
    assert {name: after[name] - before[name] for name in after} == {"in": 5, "applied": 2, "ignored": 1, "parked": 2}
    parked = sorted((bad.code, bad.topic, bad.key, bad.frame) for bad in wire.parked())
    assert parked == [
        ("MALFORMED_FRAME", CREDITS, keys[7], b""),
        ("MALFORMED_FRAME", CREDITS, keys[8], b"\x00\x00\x01"),
    ]
    assert all(
        bad.offset >= 0 and bad.partition == wire.message(CREDITS, bad.key, b"").partition_number
        for bad in wire.parked()
    )
    assert len(wire.registry.asked) == asked
    wire.commit(wire.put(CREDITS, **row("billing.credits", 9)))
    assert wire.live("credit").keys() == {"CR-9"}


def test_a_row_that_is_deleted_and_inserted_again_in_one_transaction_lives(tmp_path: Path) -> None:
    """The kind: the tombstone between delete and insert belongs to the delete, whatever arrives when."""
    wire = company(tmp_path)
    wire.commit(
        wire.put(topic("billing.accounts"), **row("billing.accounts", 1)),
        wire.put(CREDITS, **row("billing.credits", 5)),
    )
    messages = wire.transaction(
        wire.drop(CREDITS, id=5), wire.put(CREDITS, "c", **row("billing.credits", 5, amount_minor=7))
    )
    for message in messages:
        wire.feed([message])
    assert wire.live("credit")["CR-5"]["amount_minor"] == 7
    wire.restart()
    wire.commit(wire.put(CREDITS, **row("billing.credits", 6)))
    assert wire.live("credit").keys() == {"CR-5", "CR-6"} and wire.live("account")[ACCOUNT]["credits"] == 2
