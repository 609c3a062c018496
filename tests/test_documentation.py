"""What people rely on is written down: every metric, setting, command, option, exit code and error code, and nothing that is gone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from prometheus_client.metrics import MetricWrapperBase

from connectors import metrics
from connectors.contracts import OTHER_TOPICS, TOPICS
from console.cli import build_app
from console.exits import Exit
from dataflows.settings import ROOT, Settings

DOCS = ROOT / "docs"
#: upper-case words in the code that are no error codes: what others name so
FOREIGN = re.compile(r"CONCORD_.*|FULL_TRANSITIVE|TABLE_SCAN_COMPLETED|SC_CLK_TCK")


def page(name: str) -> str:
    """Text of a page below docs/."""
    return (DOCS / name).read_text()


def rows(name: str) -> dict[str, list[str]]:
    """Table rows of a page whose first cell is code: first cell -> the others."""
    found: dict[str, list[str]] = {}
    for line in page(name).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if line.startswith("| `") and len(cells) > 1:
            found[cells[0].strip("`")] = cells[1:]
    return found


def test_every_metric_is_documented() -> None:
    """docs/metrics.md has each metric with type, labels and sentence as the code says, below its question, and no other."""
    documented = rows("metrics.md")
    expected = {one.name: [one.kind, ", ".join(one.labels) or "-", one.sentence] for one in metrics.CATALOGUE}
    assert documented == expected
    for question in {one.question for one in metrics.CATALOGUE}:
        assert f"## {question}" in page("metrics.md")


def test_every_metric_is_set_somewhere() -> None:
    """A metric that no code sets would be documented and always 0."""
    code = "".join(path.read_text() for room in ("connectors", "dataflows") for path in (ROOT / room).rglob("*.py"))
    names = [name for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase)]
    assert len(names) == len(metrics.CATALOGUE)
    assert not [name for name in names if not re.search(rf"\bmetrics\.{name}\b", code)]


def default_of(name: str) -> str:
    """A setting's default as the page shows it."""
    value: Any = Settings.model_fields[name].default
    if isinstance(value, Path):
        return str(value.relative_to(ROOT))
    return str(list(value)).replace("'", '"') if isinstance(value, tuple) else str(value)


def test_every_setting_is_documented() -> None:
    """docs/settings.md has each setting with its default and description as the code says."""
    documented = rows("settings.md")
    for name, field in Settings.model_fields.items():
        assert documented.get(f"CONCORD_{name.upper()}") == [f"`{default_of(name)}`", field.description], name


def constants(*rooms: str) -> Iterator[str]:
    """Every string literal in the rooms' code."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_environment_variable_is_documented() -> None:
    """No CONCORD_ variable is read that docs/settings.md does not name, and none is named that nothing reads."""
    read = {
        word
        for word in constants("connectors", "console", "dataflows", "demo", "stack", "benchmarks", "tests")
        if re.fullmatch(r"CONCORD_[A-Z_]+", word)
    }
    known = {f"CONCORD_{name.upper()}" for name in Settings.model_fields}
    documented = set(rows("settings.md"))
    assert (read | known) <= documented, (read | known) - documented
    assert documented <= read | known, documented - read - known


def test_every_error_code_says_what_to_do() -> None:
    """docs/errors.md has a row for each code that a parked record, exception, correction or check can carry."""
    codes = {word for word in constants("state", "connectors", "dataflows") if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", word)}
    codes = {code for code in codes if not FOREIGN.fullmatch(code)}
    documented = rows("errors.md")
    assert codes <= set(documented), codes - set(documented)
    for code, cells in documented.items():
        assert len(cells) == 2, code
        assert all(len(cell) > 8 for cell in cells), code


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    below = getattr(command, "commands", None)
    if not below:
        yield path, command
        return
    for name, sub in below.items():
        yield from commands(sub, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(build_app(None)), "concord"))


@pytest.mark.parametrize("called", COMMANDS)
def test_every_command_is_documented(called: str) -> None:
    """docs/cli.md has a section for each command, with each of its options and its exit codes; its help names them too."""
    assert f"### `{called}`" in page("cli.md"), called
    section = page("cli.md").split(f"### `{called}`")[1].split("\n##")[0]
    for parameter in COMMANDS[called].params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert f"`{option}" in section, f"{called} {option}"
    said = re.search(r"Exit codes: ([0-9, ]+)\.", section)
    assert said, f"{called}: no line of exit codes"
    assert "Exit codes" in (COMMANDS[called].help or ""), f"{called}: help without exit codes"
    assert {int(code) for code in said[1].split(",")} <= {code.value for code in Exit}


def test_every_exit_code_is_documented() -> None:
    """docs/cli.md lists each exit code with its name."""
    documented = rows("cli.md")
    assert {code: cells[0] for code, cells in documented.items() if code.isdecimal()} == {
        str(code.value): f"`{code.name}`" for code in Exit
    }


def test_every_topic_is_documented() -> None:
    """docs/topics.md has each output topic with its cleanup policy."""
    documented = rows("topics.md")
    for topic, config in [*TOPICS.values(), *OTHER_TOPICS.items()]:
        assert topic in documented, topic
        assert documented[topic][1] == config["cleanup.policy"], topic
