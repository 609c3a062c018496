"""The compiled codec, an option: the same values, bytes and errors as the generated Python, several times as fast.

`make compiled` builds it beside its sources (`build.py`). It runs where a build fits the sources and CONCORD_COMPILED is
not 0; a build of other sources is never loaded. What it does not plainly know it gives back to the generated Python, so
that no frame and no value is judged twice.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

SETTING = "CONCORD_COMPILED"
FOLDER = Path(__file__).parent
NOT_BUILT = "it is not built (make compiled)"
#: in the order in which they need one another
MODULES = ("operation", "reader", "boundary", "peeking", "writer", "facts")


def runs() -> bool:
    """Whether readers and writers that are compiled now are native."""
    return os.environ.get(SETTING) != "0" and not problem()


def codec() -> str:
    """native or pure."""
    return "native" if runs() else "pure"


def reason() -> str:
    """Why it is not native; empty where it is."""
    return f"{SETTING} is 0" if os.environ.get(SETTING) == "0" else problem()


def misfit() -> bool:
    """Whether there is a build, and it cannot be used although nobody turned it off."""
    return os.environ.get(SETTING) != "0" and problem() not in ("", NOT_BUILT)


def sources_digest() -> str:
    """SHA-256 of everything that the extensions are made from."""
    digest = sha256()
    for path in sorted([*FOLDER.glob("*.pyx"), *FOLDER.glob("*.pxd")]):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def file_name(module: str) -> str:
    """Of a module's extension, for this interpreter."""
    return f"{module}{EXTENSION_SUFFIXES[0]}"


@cache
def problem() -> str:
    """Why there is no build to use, looked into once per process; empty where there is one."""
    folders = [Path(folder) for folder in __path__]
    folder = next((one for one in folders if all((one / file_name(module)).exists() for module in MODULES)), None)
    if folder is None:
        return NOT_BUILT
    digest = sources_digest().encode()
    if not all(digest in (folder / file_name(module)).read_bytes() for module in MODULES):
        return "the build is of other sources (make compiled builds it anew)"
    try:
        for module in MODULES:
            importlib.import_module(f"{__name__}.{module}")
    except (ImportError, ValueError, AttributeError, SystemError) as error:
        return f"the build cannot be loaded: {error} (make compiled builds it anew)"
    return ""
