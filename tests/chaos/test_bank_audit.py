"""The audit of the crash tests convicts: partial cuts, repeats, steps back and input read twice are found."""

from __future__ import annotations

from typing import Any

from connectors.registry import Registry
from demo.cuts import Cut, CutRecord
from demo.frames import FrameDecoder
from tests.chaos.bank import SOURCE
from tests.chaos.bank_audit import CURRENCY, BankAudit


class Plain(FrameDecoder):
    """Frames are names of bodies that the test keeps."""

    def __init__(self) -> None:
        super().__init__(Registry("http://127.0.0.1:1"))
        self.bodies: dict[bytes, dict[str, Any]] = {}

    def decode(self, frame: bytes) -> dict[str, Any]:
        """The body that the test put there."""
        return self.bodies[frame]


class Tape:
    """Cuts made by hand, given to an audit."""

    def __init__(self) -> None:
        self.audit = BankAudit()
        self.decoder = Plain()
        self.number = 0

    def cut(self, position: int, *records: tuple[str, str, dict[str, Any]], offset: int = 0, live: bool = True) -> None:
        """One cut at this frontier; `offset` is the input offset that it commits."""
        self.number += 1
        made = []
        for name, key, body in records:
            frame = f"{name}{key}{body}".encode()
            self.decoder.bodies[frame] = body
            made.append(CutRecord(name, 0, self.number, key, frame, 0.0))
        progress = {"frontier": {SOURCE: position}, "live": live, "offsets": {"t:0": offset or self.number}}
        self.audit.add(Cut(self.number, progress, 0.0, made), self.decoder)


def holder(key: str, paid: int, received: int, position: int) -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """The account and the credit of one holder."""
    account = {
        "reported_balance_minor": paid,
        "totals": {CURRENCY: {"credited_minor": received}},
        "billing": {"position": position},
    }
    credit = {"account": key, "amount_minor": received, "billing": {"position": position}}
    return ("account", key, account), ("credit", f"CR-{key}", credit)


def test_whole_transfers_are_acquitted() -> None:
    """Two holders, one transfer: both sides in one cut, and the end as SQL has it."""
    tape = Tape()
    tape.cut(10, *holder("H1", 0, 0, 10), *holder("H2", 0, 0, 10))
    tape.cut(20, *holder("H1", 100, 0, 20), *holder("H2", 0, 100, 20))
    assert not tape.audit.wrong
    assert tape.audit.agrees_with({"H1": 100, "H2": 0}, {"H1": 0, "H2": 100})
    assert not tape.audit.agrees_with({"H1": 100, "H2": 0}, {"H1": 0, "H2": 0})


def test_half_a_transfer_is_convicted() -> None:
    """The debit in one cut and the credit in the next: the total is not zero at the first."""
    tape = Tape()
    tape.cut(20, *holder("H1", 100, 0, 20))
    tape.cut(30, *holder("H2", 0, 100, 30))
    assert tape.audit.wrong["total is not zero"] == 1


def test_a_lost_record_is_convicted() -> None:
    """The account says what it received, the credit's own record is missing."""
    tape = Tape()
    account, _ = holder("H1", 100, 100, 20)
    tape.cut(20, account)
    assert tape.audit.wrong["accounts and credits disagree"] == 1


def test_repeats_and_steps_back_are_convicted() -> None:
    """The same content again, an older position, a frontier or an input offset that goes back."""
    tape = Tape()
    tape.cut(20, *holder("H1", 0, 0, 20), offset=5)
    tape.cut(30, *holder("H1", 0, 0, 20), offset=6)
    assert tape.audit.wrong["same content published twice"] == 2
    tape.cut(40, *holder("H1", 0, 0, 15), offset=7)
    assert tape.audit.wrong["version went back"] == 2
    tape.cut(35, offset=6)
    assert tape.audit.wrong["frontier went back"] == 1
    assert tape.audit.wrong["input offset went back"] == 1


def test_records_ahead_of_their_cut_are_convicted() -> None:
    """A record from beyond the frontier, or before the first snapshot is complete."""
    tape = Tape()
    tape.cut(5, *holder("H1", 0, 0, 5), live=False)
    assert tape.audit.wrong["published before the first snapshot was complete"] == 1
    tape.cut(10, *holder("H2", 0, 0, 10))
    tape.cut(20, *holder("H3", 0, 0, 30))
    assert tape.audit.wrong["record from beyond the frontier"] == 2
