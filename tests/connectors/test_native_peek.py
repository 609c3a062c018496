"""The native loop of Peek gives the batches of the generated one, record by record, and takes the common way itself.

Planted breaks that were seen to fail here: a link whose null is the empty text; `source.snapshot` without its mapping;
a row appended although its operation is a truncate; an end of the value that is not looked at.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.avro import compile_writer, frame_prefix, native
from connectors.capturing.debezium import Peek
from connectors.mappings.checking.recorded import RecordedEvent
from state.model import AccountRule, Merge, Model, SourceSpec, TableSpec
from state.row import End
from state.step import Batch
from tests.connectors.events import (
    BOUNDARY,
    NOTICES,
    OTHER_KEY_ID,
    TOPIC,
    TRANSACTION_ID,
    TRANSACTIONS,
    change,
    envelope,
    key_frame,
    message,
    record,
    row_image,
    schemas,
    value_frame,
)

pytestmark = pytest.mark.usefixtures("native_codec")
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
SCHEMA = envelope(
    ("id", "long"), ("account_id", ["null", "long"]), ("total", "string"), ("price", ["null", DECIMAL]),
    ("flag", ["boolean", "null"]), ("raw", "bytes"), ("tags", {"type": "array", "items": "string"}),
)  # fmt: skip
RULES = [
    None,
    *(AccountRule("reference", name) for name in ("account_id", "total", "price", "flag", "raw", "tags")),
    AccountRule("ways", "", columns=("account_id", "price", "total")),
    AccountRule("ways", "", columns=("account_id",)),
    AccountRule("ways", ""),
    AccountRule("reference", "total", columns=("total", "account_id"), merged=Merge(1, into=True, by_account=True)),
]


def image(account: int | None = 3, price: bytes | None = b"\x04\xe2", flag: bool | None = True) -> dict[str, Any]:
    """A row with a column of each kind."""
    return {**row_image(5, account), "price": price, "flag": flag, "raw": b"\0\xff", "tags": ["b", "a"]}


EVENTS = [
    change("c", after=image()),
    change("u", before=image(), after=image(None, None, None)),
    change("u", after=image(-5, b"\xff"), txId=None),
    change("d", before=image()),
    change("r", after=image(), snapshot="first", lsn=None, txId=None, transaction=None),
    change("r", after=image(), snapshot="", txId=1 << 62),
    change("r", after=image(), snapshot="x" * 90),
]
ODD = [change("t"), change("T", after=image()), change("t", after=image())]
FRAMES = [value_frame(event, SCHEMA) for event in [*EVENTS, *ODD]]
KEYS = [None, b"", b"key", key_frame(1), key_frame(-(1 << 40), OTHER_KEY_ID), key_frame(7)[:-1], key_frame(7) + b"\0"]
PAIR_ID = 30
PAIR = record("Pair", ("total", ["null", "string"]), ("id", "long"))


def boundary(status: str = "END", identity: str = "500:900", counts: Any = None) -> bytes:
    """A transaction event."""
    event = {"status": status, "id": identity, "event_count": 1, "data_collections": counts, "ts_ms": 77}
    return compile_writer(BOUNDARY, frame_prefix(TRANSACTION_ID))(event)


def both(
    rule: AccountRule | None, key: tuple[str, ...] = ("id",), position: str = "postgresql", schema: Any = SCHEMA
) -> tuple[Peek, Peek]:
    """(generated, native) for the one table."""
    frame = value_frame(EVENTS[0], schema)
    source = SourceSpec("billing", "billing", "initial", TRANSACTIONS, NOTICES, 1, position)
    tables = Model((source,), (TableSpec(0, "billing", "public.invoices", TOPIC, key, rule),), {})
    found = []
    for value in ("0", "1"):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv(native.SETTING, value)
            found.append(Peek(schemas(s11=schema, s30=PAIR), tables))
            found[-1].batch([message(one, frame) for one in KEYS])  # compiled now, under this setting
            found[-1].batch([message(None, boundary(), TRANSACTIONS)])
    return found[0], found[1]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "none" if rule is None else f"{rule.column}{rule.columns}")
@pytest.mark.parametrize("key", [("id",), ("total", "id"), ()], ids=len)
def test_every_rule_and_key_gives_the_same_rows(rule: AccountRule | None, key: tuple[str, ...]) -> None:
    """Whatever column, or columns, lead to the account and tell rows apart: all events under all keys."""
    generated, peek = both(rule, key)
    pairs = [b"\0\0\0\0" + bytes([PAIR_ID]) + rest for rest in (b"\2\2x\4", b"\0\4", b"\2\2x", b"\2\2x\4\0")]
    batch = [message(one, frame, offset=at) for at, frame in enumerate(FRAMES) for one in [*KEYS, *pairs]]
    for _ in range(2):
        expected = generated.batch(batch)
        assert repr(peek.batch(batch)) == repr(expected)
    assert expected.rows
    assert expected.bad


@st.composite
def records(draw: st.DrawFn) -> RecordedEvent:
    """A record, sound or spoilt."""
    frame = draw(st.sampled_from(FRAMES))
    spoilt = bytearray(frame)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        spoilt[draw(st.integers(0, len(spoilt) - 1))] = draw(st.integers(0, 255))
    end = draw(st.one_of(st.just(len(spoilt)), st.integers(0, len(spoilt))))
    value = draw(st.sampled_from([bytes(spoilt[:end]), None, frame + b"\0"]))
    return message(draw(st.sampled_from(KEYS)), value, offset=draw(st.integers(0, 9)))


def outcome(batch: Batch) -> str:
    """Everything but the reasons of bad frames: at which byte reading gave up depends on the shapes learned before."""
    return repr(batch._replace(bad=[one._replace(reason="") for one in batch.bad]))


def test_any_batch_is_the_same() -> None:
    """Rows, and bad frames with their codes, in order: the same of sound, odd and spoilt records."""
    generated, peek = both(RULES[1])

    @given(st.lists(records(), max_size=12))
    @settings(max_examples=200, deadline=None)
    def holds(batch: list[RecordedEvent]) -> None:
        assert outcome(peek.batch(batch)) == outcome(generated.batch(batch))

    holds()


def test_positions_of_sql_server_are_packed_the_same() -> None:
    """Texts as positions, sound ones, absent ones and others: the same numbers, the same refusals."""
    more = [{"name": name, "type": ["null", "string"], "default": None} for name in ("commit_lsn", "change_lsn")]
    schema = deepcopy(SCHEMA)
    (source,) = (item["type"] for item in schema["fields"] if item["name"] == "source")
    source["fields"] += more
    places = [("2A:10:9", "2A:10:a"), (None, None), ("", "1:2:3"), ("1:2", "1:2:3"), ("1:2:3", "zz"), ("2A:10:9",) * 2]
    frames = [value_frame(change("c", after=image(), commit_lsn=a, change_lsn=b), schema) for a, b in places]
    generated, peek = both(RULES[1], position="sqlserver", schema=schema)
    batch = [message(key_frame(1), frame, offset=at) for at, frame in enumerate(frames)]
    expected = generated.batch(batch)
    assert (len(expected.rows), len(expected.bad)) == (4, 2)
    assert repr(peek.batch(batch)) == repr(expected)


COUNTS = [{"data_collection": "public.invoices", "event_count": 3}, None]


def test_transactions_end_the_same() -> None:
    """BEGIN and END, sound, odd and spoilt, before and after the first BEGIN: the same ends and bad frames, in order."""
    odd = ["", ":", "5:", ":5", "5:6:7", "x:5", "5:x", "\u0665:6", "5:" + "9" * 30, "-5:6", " 5:6"]
    frames = [boundary("END", one) for one in odd] + [boundary("COMMIT"), boundary("END", counts=COUNTS), b"", None]
    frames += [
        boundary()[:-1],
        boundary() + b"\0",
        boundary("BEGIN") + b"\0",
        boundary("BEGIN")[:9],
        boundary("BEGINX"),
    ]
    generated, peek = both(RULES[1])
    for begin in ([], [boundary("BEGIN")], []):
        batch = [message(None, frame, TRANSACTIONS, at) for at, frame in enumerate([*frames, *begin, *frames])]
        expected = generated.batch(batch)
        assert repr(peek.batch(batch)) == repr(expected)
    assert expected.ends
    assert expected.bad


def test_ends_of_transactions_never_go_the_careful_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first BEGIN, every sound BEGIN and END is read by the loop itself."""
    _, peek = both(RULES[1])
    batch = [message(None, frame, TRANSACTIONS, 7) for frame in (boundary("BEGIN"), boundary(counts=COUNTS))]
    expected = peek.batch(batch)

    def careful(*_: Any) -> None:
        raise AssertionError("the careful way was taken")

    monkeypatch.setattr(Peek, "_event", careful)
    assert peek.batch(batch) == expected
    assert expected.ends[1] == (0, End(500, 900, {"public.invoices": 3}, 77, 7))
    assert isinstance(expected.ends[1][1], End)


def test_a_sound_batch_never_goes_the_careful_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inserts, updates, deletes and snapshot rows are read by the loop itself, with every kind of link."""
    peeks = [both(rule)[1] for rule in RULES]

    def careful(*_: Any) -> None:
        raise AssertionError("the careful way was taken")

    monkeypatch.setattr(Peek, "_careful", careful)
    batch = [message(key_frame(1), frame) for frame in FRAMES[: len(EVENTS)]]
    for peek in peeks:
        assert len(peek.batch(batch).rows) == len(EVENTS)
