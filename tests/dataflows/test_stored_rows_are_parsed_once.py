"""One look at each live record of the facts topic fills the identity index and the shard, and names the schemas of its rows."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.facts import Fact, fact_key, fact_value, note_record, waiting_key, waiting_value
from dataflows.identity_restore import Index, hand_out
from state.folding.notes import TOLD, Note
from state.mapping.parked import ParkedRow, pack
from state.model import AccountRule, Model, SourceSpec, TableSpec

CUSTOMERS = TableSpec(0, "erp", "public.customers", "erp.public.customers", ("id",), AccountRule("reference", "code"))
MODEL = Model((SourceSpec("erp", "erp", "none", "erp.transaction", "erp.notifications", 1),), (CUSTOMERS,), {})
TABLES = {CUSTOMERS.topic: 0}

frames = st.integers(1, 9).map(lambda schema: b"\0" + schema.to_bytes(4, "big") + b"row")
parked = frames.map(lambda frame: pack(ParkedRow("MALFORMED_FRAME", "why", 1, ("c", 1, 2), frame)))
rows = st.dictionaries(
    st.text("0123456789", min_size=1, max_size=3), st.tuples(st.sampled_from("ABC"), frames | parked)
)


def head(frame: bytes) -> bytes:
    """The schema of a row's frame, behind what a parked one has in front."""
    return frame[frame.index(b"\0\0\0\0", 0 if frame[0] == 0 else 5) :][:5]


@given(rows, rows)
def test_rows_go_to_the_index_and_to_the_shard(placed: dict[str, Any], waiting: dict[str, Any]) -> None:
    """With their order, times and bytes; what waits goes to the index alone, a note to both.

    Planted breaks, seen to fail: taking the first bytes of a parked row for its schema; handing the shard a row twice.
    """
    live = {fact_key(CUSTOMERS.topic, k): fact_value(who, who, 7, -5, frame) for k, (who, frame) in placed.items()}
    live |= {
        waiting_key(CUSTOMERS.topic, f"w{k}"): waiting_value((3, 4), "Z", 8, 6, f) for k, (_, f) in waiting.items()
    }
    note = Note("A", TOLD, "place", {"x": [1]})
    key, value = note_record(note)
    live[key] = value or b""
    index, taken, told = Index(MODEL), list[Any](), list[Note | None]()

    def other(fact: Fact, said: Note | None) -> None:
        index.other(fact, said)
        told.append(said)

    heads = hand_out(live, TABLES, index.row, lambda *row: taken.append(row), other)
    identity = index.identity()
    assert taken == [(who, 0, k, 7, -5, frame) for k, (who, frame) in placed.items()]
    assert heads == {head(frame) for _, frame in placed.values()}
    assert [one for one in told if one is not None] == [note] and len(told) == len(waiting) + 1
    assert {k: identity.account_of(0, k) for k in placed} == {k: who for k, (who, _) in placed.items()}
    assert {waiting.row[2] for waiting in identity.waiting_rows()} == {f"w{k}" for k in waiting}
