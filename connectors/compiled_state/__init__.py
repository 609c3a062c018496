"""`state/` and what stands beside it on the way of a change compiled, an option: the same modules, through Cython.

Accounts, objects and sums become extension types. `make compiled` builds them (`build.py`) below `built/`, in a folder that
is named after what they were made of: a build of other sources is never loaded. `use()` has to run before any of them is
imported, so it stands in `connectors/__init__.py`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from connectors.avro.native import NOT_BUILT, SETTING, file_name

FOLDER = Path(__file__).parent
BUILT = FOLDER / "built"
SOURCES = FOLDER.parents[1]
#: the way of a change, most of it through `state/`; what is seldom asked (corrections, derivations, snapshots) stays as it is
_WAY = {
    "state": "sparse spells values routing sequencer shard accounts ended publication",
    "state.aligning": "alignment ends pending slots",
    "state.resolving": "hanging identity index links merges placement relinking resolved waiting",
    "state.folding": "account amounts billing changes cold entitlement fold life milestones payments remembered revenue "
    "rows segments states tally targets tenure term usage_sums",
    "state.viewing": "account_view case facets flags history invoice objects problems prorated_lines service_clock settling",
    "state.comparing": "compared customer difference intents ledger support",
    "state.mapping": "toast",
    "connectors": "facts",
    "connectors.capturing": "frames mapped_rows",
    "dataflows": "encode",
}
MODULES = tuple(f"{package}.{name}" for package, names in _WAY.items() for name in names.split())


class Compiled(MetaPathFinder):
    """Finds compiled modules before Python finds their sources."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds one extension for each of `MODULES`."""
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The extension of a module that is compiled."""
        if fullname not in MODULES:
            return None
        file = str(self._folder / file_name(fullname))
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, file))


def source(module: str) -> Path:
    """Of a module."""
    return SOURCES / f"{module.replace('.', '/')}.py"


def digest() -> str:
    """Of everything that the extensions are made from, of what makes them, and of the interpreter that they are for."""
    found = sha256((sys.implementation.cache_tag or "").encode())
    for path in [*map(source, MODULES), *sorted(FOLDER.glob("*.py"))]:
        found.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def folder() -> Path:
    """Where a build of today's sources is, or would be."""
    return BUILT / digest()


#: why `state/` is not compiled in this process, None while nobody has asked
_why: str | None = None


def reason() -> str:
    """Why `state/` is not compiled in this process; empty where it is."""
    return "nothing was looked for" if _why is None else _why


def kind() -> str:
    """compiled or pure."""
    return "pure" if reason() else "compiled"


def misfit() -> bool:
    """Whether there is a build, and it cannot be used although nobody turned it off."""
    return os.environ.get(SETTING) != "0" and reason() not in ("", NOT_BUILT)


def use() -> None:
    """Let those of `MODULES` that are imported from now on be the compiled ones, if there is a build that fits."""
    global _why
    if _why is None:
        _why = _used()


def _used() -> str:
    if os.environ.get(SETTING) == "0":
        return f"{SETTING} is 0"
    if not any(BUILT.glob(f"*/{file_name(MODULES[0])}")):
        return NOT_BUILT
    where = folder()
    if not all((where / file_name(module)).exists() for module in MODULES):
        return "the build is of other sources (make compiled builds it anew)"
    if any(module in sys.modules for module in MODULES):
        return "modules of it were loaded before"
    finder = Compiled(where)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(MODULES[0])
    except ImportError as error:
        sys.meta_path.remove(finder)
        return f"the build cannot be loaded: {error} (make compiled builds it anew)"
    return ""
