"""`python -m connectors.avro.native.build`: builds the compiled codec beside its sources.

Needs Cython (development packages), a C compiler and Python's headers; the interpreter says which compiler it was built
with, and CC and CFLAGS are respected. Exit codes: 0 built, 1 it does not compile, 2 something that it needs is missing.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from connectors.avro.native import FOLDER, MODULES, file_name, sources_digest

ROOT = FOLDER.parents[2]
EXIT_FAILED, EXIT_MISSING = 1, 2


class CannotBuild(Exception):
    """Something that a build needs is missing; the message names it and the next step."""


def compiler() -> list[str]:
    """The C compiler with its flags. Raises CannotBuild."""
    if importlib.util.find_spec("Cython") is None:
        raise CannotBuild("Cython is not installed. Next step: make setup-dev")
    usual = shlex.split(sysconfig.get_config_var("CC") or "cc")
    command = shlex.split(os.environ.get("CC", "")) or usual
    if shutil.which(command[0]) is None:
        raise CannotBuild(
            f"there is no C compiler {command[0]!r}. Next step: install one (gcc or clang), or go on without: "
            f"everything runs on the pure codec"
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        raise CannotBuild(f"Python's headers are not in {headers}. Next step: install them (python3-dev)")
    linking = shlex.split(sysconfig.get_config_var("LDSHARED") or "cc -shared")[len(usual) :]
    flags = ["-O2", "-fPIC", f"-I{headers}", f'-DCONCORD_SOURCES="{sources_digest()}"']
    return [*command, *linking, *flags, *shlex.split(os.environ.get("CFLAGS", ""))]


def build(into: Path = FOLDER) -> None:
    """Build every extension; each is put into its place in one step. Raises CannotBuild, CalledProcessError."""
    command = compiler()
    with tempfile.TemporaryDirectory() as folder:
        for module in MODULES:
            made, code = Path(folder) / f"{module}.so", Path(folder) / f"{module}.c"
            name = f"connectors.avro.native.{module}"
            cython = [sys.executable, "-m", "cython", "-3", "-I", str(ROOT), "--module-name", name, "-o", str(code)]
            for step in ([*cython, str(FOLDER / f"{module}.pyx")], [*command, str(code), "-o", str(made)]):
                subprocess.run(step, check=True, cwd=ROOT)  # noqa: S603  # our own files and the interpreter's compiler
            near = into / f"{module}.new"
            shutil.copy(made, near)
            near.replace(into / file_name(module))


def outcome(building: Callable[[], str], what: str) -> int:
    """Build `what`, and say what came of it: the line that `building` gives, or what stands in its way. The exit code."""
    try:
        line = building()
    except CannotBuild as error:
        sys.stderr.write(f"{what} cannot be built: {error}.\n")
        return EXIT_MISSING
    except subprocess.CalledProcessError as error:
        sys.stderr.write(
            f"{what} does not compile: {error.cmd[0]} ended with {error.returncode}; its message is above. "
            f"Next step: report it with that message; everything runs without.\n"
        )
        return EXIT_FAILED
    sys.stdout.write(f"{line}\n")
    return 0


def _built() -> str:
    build()
    return f"built for {sys.implementation.cache_tag}: {', '.join(file_name(module) for module in MODULES)}"


def main() -> int:
    """Build, and say what came of it."""
    return outcome(_built, "The compiled codec")


if __name__ == "__main__":
    sys.exit(main())
