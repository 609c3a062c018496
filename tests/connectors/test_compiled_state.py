"""`state/` compiled does what its source says: what the compiler is given is the source, and every test of it passes over the build."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import compiled_state
from connectors.avro import native
from connectors.avro.native.build import CannotBuild
from connectors.compiled_state import MODULES, Compiled, source
from connectors.compiled_state.build import build
from connectors.compiled_state.extension_types import declarations, parse, stripped

ROOT = Path(__file__).parents[2]
#: whichever test is the first to need the build makes it, perhaps beside other work on two cores
BUILDS_S_MAX = 1_800
MODELS = parse({module: source(module).read_text() for module in MODULES})


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build of the work tree if it fits the sources, else one of this session; skips where none can be made."""
    found = compiled_state.folder()
    if not found.exists():
        found = tmp_path_factory.mktemp("compiled")
        try:
            build(found)
        except CannotBuild as error:
            pytest.skip(f"state/ cannot be compiled: {error}")
    return found


def over(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module over the build, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.over_compiled_state", str(folder), *command],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


class _Bare(ast.NodeTransformer):
    """Takes all annotations out of a tree, but for the fields of classes that are made of them."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        fields = bool(node.decorator_list) or any("Tuple" in ast.unparse(base) for base in node.bases)
        node.body = [one if fields and isinstance(one, ast.AnnAssign) else self.visit(one) for one in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass(lineno=node.lineno)
        return self.generic_visit(ast.Assign([node.target], node.value, lineno=node.lineno))


@pytest.mark.parametrize("name", MODULES)
def test_what_is_compiled_is_the_source(name: str) -> None:
    """Without annotations both are the same program, statement by statement and on the same lines.

    Seen to fail with a value taken out together with its annotation.
    """
    module, given = MODELS[name], stripped(MODELS[name], MODELS.values())
    assert given.count("\n") == module.text.count("\n")
    here, there = (_Bare().visit(ast.parse(text)) for text in (module.text, given))
    assert ast.dump(here) == ast.dump(there)
    places = [[node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)] for tree in (here, there)]
    assert places[0] == places[1]


def test_only_extension_types_are_named() -> None:
    """No argument is declared to be of a builtin type: a subclass of it, or NOTHING, would be refused by the compiler alone."""
    known = {name for module in MODELS.values() for name in module.types}
    assert {"Account", "Item", "Tally", "Shard", "Rows"} <= known
    for module in MODELS.values():
        kept = [
            node.annotation
            for node in ast.walk(ast.parse(stripped(module, MODELS.values())))
            if isinstance(node, ast.arg)
        ]
        assert {ast.unparse(one).removesuffix(" | None") for one in kept if one is not None} <= known
        given = re.findall(r"[(,] (\w+) \w+", declarations(module, MODELS.values()))
        assert set(given) <= known | {"object"}


def test_every_attribute_is_declared() -> None:
    """What instances are given, in whichever method, their extension type holds."""
    found = {name: one for module in MODELS.values() for name, one in module.types.items()}
    for module in MODELS.values():
        for node in module.tree.body:
            one = found.get(node.name) if isinstance(node, ast.ClassDef) else None
            held: set[str] = set()
            while one is not None:
                held |= one.attributes.keys()
                one = found.get(one.base or "")
            if held:
                assert set(re.findall(r"\bself\.(\w+)(?:: [^=\n]+)? [-+|]?= ", ast.unparse(node))) <= held


@pytest.mark.timeout(BUILDS_S_MAX)
def test_the_same_bytes(built: Path) -> None:
    """The whole way of 'account view' encodes what it encodes over the source.

    Seen to fail with a total that the compiled fold adds once more.
    """
    told = []
    for command in (("-m", "benchmarks.shard"), ("-m", "tests.over_compiled_state", str(built), "benchmarks.shard")):
        done = subprocess.run(
            [sys.executable, *command, "--changes", "3000", "--accounts", "300", "--hot", "100", "--passes", "1"],
            cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        told.append(json.loads(done.stdout))
    assert told[0]["digest"] == told[1]["digest"]
    assert told[0]["records"] == told[1]["records"] > 3000


@pytest.mark.timeout(BUILDS_S_MAX)
def test_every_test_of_state_passes_over_the_build(built: Path) -> None:
    """Values of every kind, restarts, moves, cold accounts, broken rows: nothing that Python lets pass is refused.

    Seen to fail with arguments declared as they are annotated: a named tuple where a tuple was declared.
    """
    done = over(built, "pytest", "-q", "-p", "no:cacheprovider", "tests/state")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 600


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that is looked into for builds, in a process that has not looked yet."""
    monkeypatch.setattr(compiled_state, "BUILT", tmp_path)
    monkeypatch.setattr(compiled_state, "_why", None)
    monkeypatch.setenv(native.SETTING, "1")
    before = list(sys.meta_path)
    yield tmp_path
    assert not any(isinstance(one, Compiled) for one in sys.meta_path if one not in before)


def test_without_a_build_the_source_runs(folders: Path) -> None:
    """Nothing is built: pure, and the reason names the command."""
    compiled_state.use()
    assert compiled_state.kind() == "pure"
    assert "make compiled" in compiled_state.reason()
    assert not compiled_state.misfit()


def test_a_build_of_other_sources_is_not_loaded(folders: Path) -> None:
    """Its folder is named after other sources: it is left alone, and that is told."""
    (folders / "0123456789abcdef").mkdir()
    for module in MODULES:
        (folders / "0123456789abcdef" / native.file_name(module)).write_bytes(b"\x7fELF of yesterday")
    compiled_state.use()
    assert "other sources" in compiled_state.reason()
    assert compiled_state.misfit()


def test_a_change_of_any_source_makes_a_build_another_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The digest follows every module that is compiled.

    Seen to fail with a digest of names alone: a stale build ran.
    """
    before = compiled_state.digest()
    changed = tmp_path / "sparse.py"
    changed.write_text(source("state.sparse").read_text() + "\n# another line\n")
    monkeypatch.setattr(compiled_state, "source", lambda name: changed if name == "state.sparse" else source(name))
    assert compiled_state.digest() != before


def test_it_does_not_mix_with_what_is_loaded(folders: Path) -> None:
    """Modules of `state/` that are in memory already stay what they are, all of them."""
    compiled_state.folder().mkdir()
    for module in MODULES:
        (compiled_state.folder() / native.file_name(module)).touch()
    import state.sparse

    assert state.sparse
    compiled_state.use()
    assert "loaded before" in compiled_state.reason()


def test_the_setting_turns_it_off(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 0 no build is looked for, and none misfits."""
    monkeypatch.setenv(native.SETTING, "0")
    compiled_state.use()
    assert native.SETTING in compiled_state.reason()
    assert not compiled_state.misfit()
