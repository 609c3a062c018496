"""`concord rules check | preview`: wrong rules are named by place; a change is shown as the corrections it makes and ends.

Planted break that was seen to fail here: a preview that derives both sides with the installed rules.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.mappings.ownership import load_rules
from console.cli import main
from dataflows.settings import ROOT
from tests.console.test_mapping_preview import ACCOUNTS, sources, wire_recording

__all__ = ["sources"]
Output = pytest.CaptureFixture[str]
SHIPPED = (ROOT / "debezium" / "ownership.yaml").read_text()


def rules(folder: Path, *texts: tuple[str, str]) -> Path:
    """The shipped rules with other texts."""
    text = SHIPPED
    for old, new in texts:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "rules.yaml"
    path.write_text(text)
    return path


def answer(capsys: Output, *words: str | Path, code: int = 0) -> dict[str, Any]:
    """What the command says as JSON."""
    capsys.readouterr()
    assert main(["rules", *map(str, words), "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_lost_rule_and_another_mode_are_shown_as_corrections(sources: Path, capsys: Output) -> None:
    """Without the rule of invoices its corrections are lost; another mode changes those of entitlements; standing stays."""
    invoices = SHIPPED[SHIPPED.index("  invoice-posted:") : SHIPPED.index("  credit-posted:")]
    entitlement = SHIPPED[SHIPPED.index("  entitlement-support:") : SHIPPED.index("  standing-support:")]
    stricter = entitlement.replace("mode: auto", "mode: propose\n    author: rita")
    changed = rules(sources.parent, (invoices, ""), (entitlement, stricter), ("version: 1", "version: 2"))
    found = answer(capsys, "preview", changed, "--recorded", wire_recording(sources.parent))
    intents = {name: {**count, "fields": list(count["fields"])} for name, count in found["intents"].items()}
    assert intents == {
        "invoice-posted": {"new": 0, "lost": ACCOUNTS, "changed": 0, "same": 0, "fields": []},
        "entitlement-support": {"new": 0, "lost": 0, "changed": ACCOUNTS, "same": 0, "fields": ["mode"]},
    }
    assert found["versions"] == "ownership.yaml 1 -> 2"
    listed = {(one["kind"], one["change"], one["key"]) for one in found["examples"]}
    assert {("invoice-posted", "lost", f"INV-{n}") for n in range(1, ACCOUNTS + 1)} <= listed
    assert {("entitlement-support", "changed", f"A-{n}") for n in range(1, ACCOUNTS + 1)} <= listed
    back = answer(capsys, "preview", "--against", changed, "--recorded", sources.parent / "wire.jsonl")
    assert back["intents"]["invoice-posted"]["new"] == ACCOUNTS


def test_the_same_rules_change_nothing(sources: Path, capsys: Output) -> None:
    """Whoever previews what is installed sees that all corrections stay."""
    found = answer(capsys, "preview", rules(sources.parent), "--recorded", wire_recording(sources.parent))
    assert (found["differing"], found["intents"]["invoice-posted"]["same"]) == (0, ACCOUNTS)


def test_check_tells_what_is_worth_a_second_look(tmp_path: Path, capsys: Output) -> None:
    """Allowed, and risky: no guard, a cap of nothing, no budget."""
    guard = "    guard: {number: 400, percent: 10}   # more new differences than both within ten minutes wait for a person\n"
    path = rules(tmp_path, (guard, ""), ("    cap: 500 ", "    cap: 0 "), ("author: concord ", "# "))
    said = "\n".join(answer(capsys, "check", path)["advice"])
    assert "invoice-posted sends by itself and has no guard" in said
    assert "invoice-posted has the cap 0" in said
    assert "invoice-posted has no author" in said


def test_shipped_rules_may_propose_as_they_are(tmp_path: Path) -> None:
    """One word turns a shipped rule into one that asks: the file says who wrote it, and a rule may say otherwise.

    Planted break, seen to fail: the file's author is not taken over.
    """
    loaded = load_rules(
        rules(
            tmp_path, ("mode: auto ", "mode: propose "), ("  credit-posted:\n", "  credit-posted:\n    author: rita\n")
        )
    )
    by_name = {rule.name: rule for rule in loaded.rules}
    assert (by_name["invoice-posted"].mode, by_name["invoice-posted"].author) == ("propose", "concord")
    assert by_name["credit-posted"].author == "rita"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mode: auto", 'author: ""\n    mode: propose', "invoice-posted proposes and has no author"),
        ("  support: {account", "  helpdesk: {account", "no rule and no route leads to helpdesk"),
        ("rules:", "routes: [{system: moon, target: erp}]\nrules:", "no rule has the target moon"),
        ("rules:", "routes: [{system: erp, target: erp, planet: moon}]\nrules:", "planet"),
        (
            "rules:",
            "routes: [{system: erp, target: erp, tenant: north}, {system: support, target: desk}]\nrules:",
            "other routes name a tenant and this one does not",
        ),
        ("{number: 400, percent: 10}", "{number: 0, percent: 10}", "greater than or equal to 1"),
        ("cap: 500", "cap_percent: 0\n    cap: 500", "greater than or equal to 1"),
    ],
)
def test_wrong_rules_are_named_with_their_place(tmp_path: Path, capsys: Output, old: str, new: str, said: str) -> None:
    """File, line and column, what is wrong and the next step; exit code 2."""
    path = rules(tmp_path, (old, new))
    assert main(["rules", "check", str(path)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert f"{path}:" in told
