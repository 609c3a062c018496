"""The house rules, enforced: sizes, names, docstrings, reasons for exceptions from a rule, nothing that waits blindly."""

from __future__ import annotations

import ast
import os
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {".venv", ".stack", ".git", "build", "concord.egg-info", "recorded", "node_modules", "__pycache__"}
FILE_LINES_MAX, FUNCTION_LINES_MAX = 250, 50
IGNORES_MAX = 5
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "shared"}
#: hosts of package registries: a lock names coordinates and hashes, never where they are fetched from
REGISTRY_HOST = re.compile(
    r"(pypi\.org|pythonhosted\.org|repo1?\.maven|maven\.org|maven\.apache\.org/maven2|registry\.npmjs|npmjs\.(org|com)|"
    r"crates\.io|proxy\.golang|artifactory|nexus\.|packages\.confluent)"
)
WAIVER = re.compile(r"#\s*(type:\s*ignore|noqa)\b")
REASON = re.compile(r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?)[\s#-]+\S.{8,}")


def files(suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Our own files with one of the suffixes; the folders of others, which are large, are not entered."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [one for one in folders if one not in SKIPPED]
        found += [Path(folder, one) for one in names if one not in SKIPPED and Path(one).suffix in suffixes]
    yield from sorted(path for path in found if path.is_file())


@cache
def tree(path: Path) -> ast.Module:
    """The file, parsed once for all rules."""
    return ast.parse(path.read_text())


PYTHON = list(files((".py",)))
CYTHON = list(files((".pyx", ".pxd")))
TESTS = [path for path in PYTHON if path.relative_to(ROOT).parts[0] == "tests"]


def name(path: Path) -> str:
    """Path from the root, for messages and test ids."""
    return str(path.relative_to(ROOT))


@cache
def comments(path: Path) -> list[tuple[int, str]]:
    """(line, text) of each comment."""
    if "#" not in path.read_text():
        return []
    with tokenize.open(path) as source:
        tokens = tokenize.generate_tokens(source.readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Public classes, functions and methods, with the name they are reached by."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{prefix}{node.name}.")


def documented_elsewhere(node: Definition) -> bool:
    """Overloads and property setters carry no docstring of their own."""
    return any(ast.unparse(one).endswith(("overload", ".setter", "override")) for one in node.decorator_list)


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_file_and_functions_are_short(path: Path) -> None:
    """A file has at most 250 lines, a function at most 50: both fit into a head."""
    lines = path.read_text().splitlines()
    assert len(lines) <= FILE_LINES_MAX, f"{name(path)} has {len(lines)} lines"
    for function in functions(tree(path)):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        assert length <= FUNCTION_LINES_MAX, f"{name(path)}:{function.lineno} {function.name} has {length} lines"


@pytest.mark.parametrize("path", CYTHON, ids=name)
def test_compiled_sources_are_short_and_say_what_they_are(path: Path) -> None:
    """The same length for what is compiled, and a docstring at its head."""
    lines = path.read_text().splitlines()
    assert len(lines) <= FILE_LINES_MAX, f"{name(path)} has {len(lines)} lines"
    assert lines[1].startswith('"""'), f"{name(path)} has no docstring"


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_everything_public_says_what_it_is(path: Path) -> None:
    """Each module, public class, public function and test has a docstring."""
    assert ast.get_docstring(tree(path)), f"{name(path)} has no docstring"
    silent = [
        called
        for called, node in public_definitions(tree(path).body)
        if not ast.get_docstring(node) and not documented_elsewhere(node)
    ]
    assert not silent, f"{name(path)}: no docstring on {', '.join(silent)}"


def test_names_say_the_role() -> None:
    """No drawer called utils, common or helpers: what lies in one has a name of its own."""
    parts = {part for path in PYTHON for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not parts & BANNED_NAMES


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_nothing_is_left_for_later(path: Path) -> None:
    """No unfinished-work marks: work that is known is done or written down where people look for it."""
    left = [line for line, text in comments(path) if re.search(r"\b(TO" + r"DO|FIX" + r"ME|XXX|HACK)\b", text)]
    assert not left, f"{name(path)}: lines {left}"


def test_waived_rules_are_few_and_explained() -> None:
    """At most five `type: ignore` in all; each of them, and each `noqa`, has its reason on the line."""
    waivers = [(name(path), line, text) for path in PYTHON for line, text in comments(path) if WAIVER.search(text)]
    unexplained = [waiver for waiver in waivers if not REASON.search(waiver[2])]
    assert not unexplained, unexplained
    untyped = [waiver for waiver in waivers if "noqa" not in waiver[2]]
    assert len(untyped) <= IGNORES_MAX, untyped


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_broad_excepts_carry_their_reason(path: Path) -> None:
    """`except Exception` (or wider) is allowed only with a comment on its line that says why."""
    said = {line for line, _ in comments(path)}
    broad = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and node.lineno not in said
    ]
    assert not broad, f"{name(path)}: broad except without its reason in lines {broad}"


def test_no_registry_is_named() -> None:
    """Packages come through the user's own clients and mirrors: no host of a package registry is in the repository."""
    kinds = (".py", ".toml", ".lock", ".txt", ".md", ".yml", ".yaml", ".json", ".cfg", ".sh", "")
    found = [
        name(path)
        for path in files(kinds)
        if path != Path(__file__).resolve() and REGISTRY_HOST.search(path.read_text(errors="replace"))
    ]
    assert not found, found


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_tests_wait_for_conditions(path: Path) -> None:
    """A test that sleeps is slow on a fast machine and wrong on a slow one.

    A pause is allowed only between two looks at a condition: inside a `while` loop.
    """
    paused = {call for loop in ast.walk(tree(path)) if isinstance(loop, ast.While) for call in ast.walk(loop)}
    calls = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and node not in paused
        and ast.unparse(node.func) in ("time.sleep", "sleep", "asyncio.sleep")
    ]
    assert not calls, f"{name(path)}: sleeps in lines {calls}"
