"""Derived objects in a mapping: what is misspelt is told with file, line and the next step; the real folders load."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from connectors.mappings.loading import MappingError, load_model

SOURCES = Path(__file__).resolve().parents[2] / "debezium"
REAL = ("killbill", "tryton", "request_tracker")


def test_the_real_folders_give_one_model() -> None:
    """Derived tables come after all captured ones, have no topic of their own, and are told by their objects."""
    model = load_model(SOURCES, REAL)
    assert [t.index for t in model.folded] == list(range(len(model.folded)))
    made = {(table.source, table.name) for table in model.derived}
    assert ("killbill", "derived.subscription") in made and ("tryton", "derived.credit") in made
    assert not {table.topic for table in model.derived} & {table.topic for table in model.tables}


@pytest.mark.parametrize("source", REAL)
def test_capture_and_mapping_name_the_same_tables(source: str) -> None:
    """connector.json captures the mapped tables and the signal table, prepare.sql grants and publishes the same."""
    connector = json.loads((SOURCES / source / "connector.json").read_text())
    mapped = {table.name for table in load_model(SOURCES, (source,)).tables}
    assert set(connector["table.include.list"].split(",")) == mapped | {"public.debezium_signal"}
    assert connector["topic.prefix"] == source
    sql = (SOURCES / source / "prepare.sql").read_text().replace('"', "")
    for table in mapped:
        assert sql.count(table) >= 2, table


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("killbill.payment]", "killbill.payments]", "killbill.payments is no derivation of a billing source"),
        ("killbill.payment]", "tryton.account]", "tryton.account is no derivation of a billing source"),
        ("killbill.payment]", "killbill.account]", "both make account"),
        ("part: payment_leg", "part: payment_legs", "no function of `derived` reads payment_legs"),
        ("part: payment_row", "object: account\n    id: '{id}'", "account is made by a function of `derived` already"),
        ("part: payment_row", "part: payment_row\n    id: '{id}'", "neither `object` nor `id`"),
        ("derived: subscription}", "derived: subscriptions}", "no function of `derived` makes subscriptions"),
        ("uuid: id\n      external_key", "external_key", "account_row of billing needs field uuid"),
        ("{decimal: amount}", "{decimal: amount, constant: x}", "exactly one of"),
        ("{date: invoice_date}", "{date: invoice_date, approximate: true}", "`approximate` belongs to"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, says: str) -> None:
    """Each is one edit of the Kill Bill mapping."""
    copytree(SOURCES, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "killbill" / "mapping.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(MappingError) as error:
        load_model(tmp_path, ("killbill",))
    assert says in str(error.value)
    assert "mapping.yaml:" in str(error.value)
