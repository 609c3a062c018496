"""A target's description file is checked: every mistake names the file, the place and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.targets.description import FOLDER, DescriptionError, FieldType, load
from connectors.targets.opening import Access, open_target
from connectors.targets.values import equal

GOOD = """
target: crm
tier: A
key: {header: Idempotency-Key, window_hours: 1}
objects:
  standing: {resource: customers, path: "/customers/{account_id}", fields: {delinquent: {type: boolean}}}
"""


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_shipped_descriptions_open_a_target(name: str) -> None:
    """Each file that comes with Concord is usable, and its adapter declares what it can write with which promise."""
    target = open_target(name, name, Access("http://nowhere.invalid", "user", "password"))
    assert target.name == name
    assert set(target.declares) == set(target.promise.resources)
    assert all(one.fields and one.tier_create in "ABC" and one.tier_update in "ABC" for one in target.declares.values())
    target.close()


def test_what_is_promised_is_what_the_page_says() -> None:
    """docs/targets.md shows people the promise of each object of each shipped description, and no other."""
    page = (FOLDER.parents[1] / "docs" / "targets.md").read_text()
    shown = sorted(line for line in page.splitlines() if line.startswith("| `"))
    rows = []
    for name in (path.stem for path in FOLDER.glob("*.yaml")):
        target = open_target(name, name, Access("http://nowhere.invalid"))
        for key, one in target.declares.items():
            cells = [f"`{name}`", f"`{key}`", one.tier_create, one.tier_update]
            cells += [one.conditioned_by or "-", one.search or "-", one.trace or "-"]
            rows.append(f"| {' | '.join(cells)} |")
        target.close()
    assert shown == sorted(rows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adapter: carrier_pigeon", "'carrier_pigeon' is none of rest, tryton, request_tracker"),
        ("- adapter", "None is none of"),
        (GOOD.replace("target: crm", "target: erp"), "describes 'erp'"),
        ("adapter: tryton\ndatabase: tryton", "revenue_account"),
        ("adapter: request_tracker\naccount_field: Org", "objects"),
    ],
)
def test_adapter_is_named_and_gets_its_own_description(tmp_path: Path, text: str, words: str) -> None:
    """The file's `adapter` decides who reads it; what that one lacks is named."""
    (tmp_path / "crm.yaml").write_text(text)
    with pytest.raises(DescriptionError, match=r"crm\.yaml.*Next step") as raised:
        open_target("crm", "crm", Access("http://nowhere.invalid"), tmp_path)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tier: A", "tier: D", "tier"),
        ("tier: A", "colour: red\ntier: A", "colour"),
        ("key: {header: Idempotency-Key, window_hours: 1}", "", "tier A needs"),
        ("type: boolean", "type: float", "objects.standing.fields.delinquent.type"),
        ('"/customers', '"customers', "objects.standing.path"),
        ("objects:", "objects: [", "not YAML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    """Unknown words, wrong types, a promise without its means."""
    assert old in GOOD
    (tmp_path / "crm.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(DescriptionError, match=r"crm\.yaml.*Next step") as raised:
        load("crm", tmp_path)
    assert words in str(raised.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The message says which file to add."""
    with pytest.raises(DescriptionError, match=r"crm\.yaml does not exist"):
        load("crm", tmp_path)


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("decimal", "5", "5.00", True),
        ("decimal", "5", "5.01", False),
        ("decimal", "x", "5", False),
        ("text", "5", "5.00", False),
        ("boolean", "true", "true", True),
        (
            "lines",
            '[{"d":"a","amount":"1"},{"d":"b","amount":"2"}]',
            '[{"amount":"2.0","d":"b"},{"d":"a","amount":"1"}]',
            True,
        ),
        ("lines", '[{"d":"a","amount":"1"}]', '[{"d":"a","amount":"1"},{"d":"a","amount":"1"}]', False),
        ("lines", '[{"d":"1.0","amount":"1"}]', '[{"d":"1","amount":"1"}]', False),
        ("lines", '[{"d":"a","amount":"100"}]', '[{"d":"a","amount":"1E+2"}]', True),
    ],
)
def test_values_are_compared_by_type(kind: str, one: str, other: str, same: bool) -> None:
    """Money by value, lines as a multiset, text as it stands."""
    described = FieldType.model_validate({"type": kind, "amounts": ["amount"] if kind == "lines" else []})
    assert equal(one, other, described) is same
