"""Only a build that fits its sources runs; without one, or without a compiler, everything is as it was and says why."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from connectors.avro import compile_reader, compile_writer, native
from connectors.avro.native import build

SCHEMA = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is looked into for the build, in a process that has loaded none."""
    for module in native.MODULES:
        monkeypatch.delitem(sys.modules, f"{native.__name__}.{module}", raising=False)
    monkeypatch.setattr(native, "__path__", [str(tmp_path)])
    monkeypatch.setenv(native.SETTING, "1")
    native.problem.cache_clear()
    return tmp_path


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test found out about its build is nothing to the next."""
    monkeypatch.setattr(native, "problem", cache(native.problem.__wrapped__))


def works() -> bool:
    """Whether readers and writers do their work."""
    return bool(compile_reader(SCHEMA)(compile_writer(SCHEMA, b"12345")({"a": 7})) == {"a": 7})


def test_without_a_build_the_pure_codec_runs(folder: Path) -> None:
    """Nothing is built: pure, and the reason names the command."""
    assert native.codec() == "pure"
    assert "make compiled" in native.reason()
    assert not native.misfit()
    assert works()


def test_a_build_of_other_sources_is_not_loaded(folder: Path) -> None:
    """Extensions that do not carry the digest of today's sources are left alone, whatever they are."""
    for module in native.MODULES:
        (folder / native.file_name(module)).write_bytes(b"\x7fELF of yesterday " + b"0" * 64)
    assert "other sources" in native.reason()
    assert native.misfit()
    assert (native.codec(), works()) == ("pure", True)


def test_one_module_of_other_sources_is_enough(folder: Path) -> None:
    """A build that was interrupted between two modules is not loaded."""
    for module in native.MODULES:
        (folder / native.file_name(module)).write_bytes(native.sources_digest().encode())
    (folder / native.file_name(native.MODULES[-1])).write_bytes(b"0" * 64)
    assert "other sources" in native.reason()


def test_a_broken_build_is_told(folder: Path) -> None:
    """A file that carries the digest but cannot be loaded: pure, with the loader's own words."""
    for module in native.MODULES:
        (folder / native.file_name(module)).write_bytes(b"no library " + native.sources_digest().encode())
    assert "cannot be loaded" in native.reason()
    assert native.misfit()
    assert (native.codec(), works()) == ("pure", True)


@pytest.mark.usefixtures("native_codec")
def test_the_setting_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """0 takes the pure codec although the other is built; anything else takes the build."""
    for value, codec in (("0", "pure"), ("1", "native")):
        monkeypatch.setenv(native.SETTING, value)
        assert native.codec() == codec
        assert bool(native.reason()) == (codec == "pure")
    monkeypatch.delenv(native.SETTING)
    assert native.codec() == "native"


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No compiler: exit code 2, what is missing and what to do, and no file is touched."""
    monkeypatch.setenv("CC", "/nowhere/cc")
    before = sorted(native.FOLDER.iterdir())
    assert build.main() == build.EXIT_MISSING
    said = capsys.readouterr().err
    assert "/nowhere/cc" in said
    assert "Next step" in said
    assert sorted(native.FOLDER.iterdir()) == before


def test_a_compiler_that_fails_leaves_the_old_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compiler error: exit code 1, and what was built before still stands."""
    old = tmp_path / native.file_name(native.MODULES[0])
    old.write_bytes(b"old")
    monkeypatch.setenv("CC", "false")
    with pytest.raises(subprocess.CalledProcessError):
        build.build(tmp_path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]
    assert build.main() == build.EXIT_FAILED
    assert "Next step" in capsys.readouterr().err
