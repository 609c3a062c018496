"""Mappings and ownership rules: what is wrong in a file is told with file, line and column, and the next step."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from connectors.mappings.loading import MappingError, load_model
from connectors.mappings.located_yaml import LocatedError
from connectors.mappings.ownership import OwnershipError, load_rules
from state.folding.life import TRANSITIONS

SOURCES = Path(__file__).resolve().parents[2] / "debezium"
DEMO = ("billing", "erp", "support")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo's sources."""
    copytree(SOURCES, tmp_path, dirs_exist_ok=True)
    return tmp_path


def changed(path: Path, old: str, new: str) -> tuple[int, int]:
    """Replace text once in a file; line and column where the replacement starts."""
    text = path.read_text()
    assert old in text
    before = text[: text.index(old)]
    path.write_text(text.replace(old, new, 1))
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_the_demo_mappings_give_one_model() -> None:
    """Tables are numbered over all sources; parents point to them; ignored ones keep their reason; topics are Debezium's."""
    model = load_model(SOURCES, DEMO)
    assert [t.index for t in model.tables] == list(range(len(model.tables)))
    by_topic = {t.topic: t for t in model.tables}
    lines, invoices = by_topic["billing.public.invoice_lines"], by_topic["billing.public.invoices"]
    assert lines.account is not None
    assert lines.account.parent == invoices.index
    assert by_topic["billing.public.plans"].ignore
    first = model.sources[0]
    assert (first.name, first.system, first.transaction_topic) == ("billing", "billing", "billing.transaction")
    assert (model.exponents["JPY"], model.exponents["USD"], model.exponents["KWD"]) == (0, 2, 3)
    organization = by_topic["support.public.organizations"].account
    assert organization is not None
    assert organization.normalise == ("strip", "upper")


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("version: 1", "version: 0", "version", "greater than or equal to 1"),
        ("snapshot: initial", "snapshots: initial", "snapshots", "Extra inputs"),
        ("through: account_id, table: public.accounts", "through: account_id, table: public.account", "table:", "public.account is no table"),
        ("through: account_id, table: public.accounts", "through: account_id, table: public.plans", "table:", "is ignored"),
        ("{through: account_id, table: public.accounts}", "{through: account_id}", "account:", "needs `table`"),
        ("object: usage", "object: meter", "object: meter", "no object meter"),
        ('id: "SUB-{id}"', 'id: "SUB"', "id: ", "no column in it"),
        ("{money: total_minor, units: minor}", "{money: total_minor}", "total: {money: total_minor}", "`units` belongs to a money"),
        ("{money: total_minor, units: minor}", "{decimal: total_minor}", "total:", "total is a money field, not decimal"),
        ("void: void", "void: voided", "void: voided", "voided is no status"),
        ("      metric: metric\n", "", "fields:", "needs field metric"),
        ("      metric: metric\n", "      metric: metric\n      colour: red\n", "colour", "no field colour"),
        ("      metric: metric\n", "      metric: metric\n      metric: other\n", "metric: other", "given twice"),
        ("key: [id]", "key: []", "key: []", "at least 1"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_names_line_and_column(folder: Path, old: str, new: str, at: str, says: str) -> None:
    """The first thing wrong is told where it stands."""
    path = folder / "billing" / "mapping.yaml"
    line, _ = changed(path, old, new)
    with pytest.raises(MappingError) as refused:
        load_model(folder, DEMO)
    message = str(refused.value)
    where, _, problem = message.partition(": ")
    file, told_line, column = where.rsplit(":", 2)
    assert file == str(path)
    assert says in problem
    assert "Next step" in problem or "needs" in problem or "is a" in problem
    told = path.read_text().splitlines()[int(told_line) - 1][int(column) - 1 :]
    assert told.startswith(at), (told, message)
    assert abs(int(told_line) - line) <= 12


def test_files_that_are_missing_empty_or_no_yaml(folder: Path) -> None:
    """Each is told by name."""
    path = folder / "erp" / "mapping.yaml"
    for text, says in (("a: [", "not YAML"), ("", "empty"), (None, "cannot be read")):
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        with pytest.raises(MappingError, match=says):
            load_model(folder, DEMO)


def test_the_folder_must_carry_the_sources_name(folder: Path) -> None:
    """Topics are named after the source: a copy under another name would read the old one's."""
    changed(folder / "erp" / "mapping.yaml", "source: erp", "source: books")
    with pytest.raises(MappingError, match=r"mapping\.yaml:\d+:\d+: source is books, but the folder is erp"):
        load_model(folder, DEMO)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("mode: auto", "mode: automatic", "Input should be 'observe', 'propose' or 'auto'"),
        ("target: erp", "target: support", "invoice can only have target erp"),
        ("object: credit ", "object: invoice ", "both about invoice"),
        ("settle_ms: 4000", "settle_ms: -1", "greater than or equal to 0"),
        ("tiers: [none, standard,", "tiers: [none, none,", "given twice"),
        ("rules:\n", "transitions: {billing.credit: {}}\nrules:\n", "billing.credit has no states"),
        (
            "rules:\n",
            "transitions: {billing.invoice: {void: [settled]}}\nrules:\n",
            "settled is no state of billing.invoice",
        ),
    ],
)
def test_wrong_ownership_rules_name_line_and_column(folder: Path, old: str, new: str, says: str) -> None:
    """A rule that could correct the wrong system is refused before anything starts."""
    changed(folder / "ownership.yaml", old, new)
    with pytest.raises(OwnershipError, match=says) as refused:
        load_rules(folder / "ownership.yaml")
    assert isinstance(refused.value, LocatedError)
    assert str(folder / "ownership.yaml") in str(refused.value)


def test_transitions_replace_what_may_follow_a_state(folder: Path) -> None:
    """Only of the states that are named; the others keep their table."""
    changed(folder / "ownership.yaml", "rules:\n", "transitions: {billing.subscription: {expired: [active]}}\nrules:\n")
    found = load_rules(folder / "ownership.yaml").transitions["billing.subscription"]
    assert found["expired"] == frozenset(("active",))
    assert found["trial"] == TRANSITIONS["billing.subscription"]["trial"]


def test_features_are_those_of_tiers(folder: Path) -> None:
    """What a tier lets its customers use; of a tier that nobody can have the rules are refused."""
    changed(folder / "ownership.yaml", "rules:\n", "features: {premium: [priority-support]}\nrules:\n")
    assert load_rules(folder / "ownership.yaml").features == {"premium": ("priority-support",)}
    changed(folder / "ownership.yaml", "features: {premium:", "features: {gold:")
    with pytest.raises(OwnershipError, match="gold is none of the tiers"):
        load_rules(folder / "ownership.yaml")


def test_history_is_kept_of_objects_with_states_only(folder: Path) -> None:
    """A credit has no states to remember."""
    changed(folder / "billing" / "mapping.yaml", "    object: credit\n", "    object: credit\n    history: true\n")
    with pytest.raises(MappingError, match="`history` is kept of subscription, invoice, payment only"):
        load_model(folder, DEMO)
