"""`python -m connectors.compiled_state.build`: compiles the modules that a change passes through.

Needs what the codec needs (`connectors/avro/native/build.py`), and some minutes of one core. Exit codes: 0 built, 1 it does not
compile, 2 something that it needs is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from connectors.avro.native import file_name
from connectors.avro.native.build import compiler, outcome
from connectors.compiled_state import BUILT, MODULES, folder, source
from connectors.compiled_state.extension_types import declarations, parse, stripped


def build(into: Path, tell: bool = False) -> None:
    """Compile every module into a folder. Raises CannotBuild, CalledProcessError."""
    command = compiler()
    modules = parse({module: source(module).read_text() for module in MODULES})
    with tempfile.TemporaryDirectory() as made, ThreadPoolExecutor(os.cpu_count() or 1) as several:
        root = Path(made)
        for name, module in modules.items():
            path = root / f"{name.replace('.', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(stripped(module, modules.values()))
            path.with_suffix(".pxd").write_text(declarations(module, modules.values()))
        waiting = [several.submit(_compile, root, name, command, into) for name in modules]
        for number, one in enumerate(as_completed(waiting), 1):
            if one.exception() is not None:
                several.shutdown(wait=False, cancel_futures=True)
            name = one.result()
            if tell:
                sys.stdout.write(f"{number:3}/{len(waiting)} {name}\n")
                sys.stdout.flush()


def _compile(root: Path, name: str, command: list[str], into: Path) -> str:
    path, code = root / f"{name.replace('.', '/')}.py", root / f"{name}.c"
    cython = [sys.executable, "-m", "cython", "-3", "--module-name", name, "-o", str(code), str(path)]
    subprocess.run(cython, check=True, cwd=root)  # noqa: S603  # our own files
    linked = [*command, str(code), "-o", str(into / file_name(name))]
    subprocess.run(linked, check=True, cwd=root)  # noqa: S603  # the interpreter's compiler
    return name


def _built() -> str:
    """Beside the old build, then in its place in one step; of other builds the newest stays, which may be running."""
    target = folder()
    near = BUILT / f"{target.name}.new"
    shutil.rmtree(near, ignore_errors=True)
    near.mkdir(parents=True)
    build(near, tell=True)
    shutil.rmtree(target, ignore_errors=True)
    near.rename(target)
    others = sorted(BUILT.iterdir(), key=lambda other: other.stat().st_mtime)
    for other in [other for other in others if other != target][:-1]:
        shutil.rmtree(other, ignore_errors=True)
    return f"compiled {len(MODULES)} modules for {sys.implementation.cache_tag}"


def main() -> int:
    """Build, and say what came of it."""
    return outcome(_built, "The compiled core")


if __name__ == "__main__":
    sys.exit(main())
