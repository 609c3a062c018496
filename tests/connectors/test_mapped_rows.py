"""Rows decoded to their mapped columns give the facts that whole rows give, and no mapper asks for more."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from connectors.capturing.envelope import Decoder
from connectors.capturing.mapped_rows import MappedRows
from connectors.mappings.loading import load_model
from state.mapping.columns import columns_of
from state.mapping.mapper import id_columns
from state.mapping.toast import has_marker
from state.model import Model, TableSpec
from state.values import BadValue
from tests.connectors.recording import recording

pytestmark = pytest.mark.usefixtures("codec")

ROOT = Path(__file__).resolve().parents[2]


def models() -> Iterator[Model]:
    """Every mapping of the repository that reads rows."""
    yield load_model(ROOT / "debezium", ("billing", "erp", "support"))
    yield load_model(ROOT / "benchmarks" / "sources", ("bench-billing", "bench-support"))
    yield recorded()


def recorded() -> Model:
    """The mapping of the recorded source."""
    with TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "tests" / "recorded" / "sources", Path(folder) / "billing")
        return load_model(Path(folder), ("billing",))


class Asked(dict[str, Any]):
    """A row of nulls and numbers that notes what it is asked for."""

    def __init__(self, table: TableSpec) -> None:
        """Identities cannot be null."""
        assert table.object is not None
        super().__init__(dict.fromkeys(id_columns(table.object.id), 1))
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        """Any column is there."""
        self.names.add(name)
        return self.get(name)


@pytest.mark.parametrize("table", [t for m in models() for t in m.tables if t.object], ids=lambda t: t.topic)
def test_mappers_ask_for_the_named_columns_only(table: TableSpec) -> None:
    """What a mapper may read is what is decoded for it."""
    assert table.object is not None
    row = Asked(table)
    table.object.mapper(row, 1, 1)
    assert row.names <= columns_of(table.object)


def test_recorded_rows_give_the_same_facts() -> None:
    """All rows of the long recording, also those written before and after columns came and went."""
    main, model = recording("main"), recorded()
    whole, mapped = Decoder(main.registry), MappedRows(main.registry, model)
    of_topic = {table.topic: table for table in model.tables if table.object}
    compared = 0
    for message in main.messages:
        table, value = of_topic.get(message.topic_name), message.value()
        if table is None or table.object is None or value is None or has_marker(value):
            continue
        mapper = table.object.mapper
        results = []
        for decode in (whole.row, mapped):
            row = decode(table.index, value)
            try:
                results.append(row and mapper(row, 1, 1))
            except BadValue as error:
                results.append((error.code, error.reason))
        assert results[0] == results[1]
        compared += results[0] is not None
    assert compared > 100
