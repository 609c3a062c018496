"""What must hold before anything is started: Python, folders, disk, and no second command at work."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from stack.errors import StackError
from stack.jars import disk_error
from stack.layout import Layout

SUPPORTED_PYTHON = ((3, 11), (3, 12))
DISK_FREE_BYTES_MIN = 300_000_000


def require_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """StackError unless this Python is one that the wheels of the stack exist for."""
    if version not in SUPPORTED_PYTHON:
        raise StackError(
            f"Concord needs Python 3.11 or 3.12 and runs on {version[0]}.{version[1]} ({sys.executable})",
            "install one of them and run `make PYTHON=/path/to/python3.12 setup`",
        )


def make_folders(layout: Layout) -> None:
    """Make the stack's folders; StackError if the place is not writable."""
    try:
        for folder in (layout.directory, layout.run, layout.logs, layout.data):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, layout.directory) from error


def require_disk(layout: Layout) -> None:
    """StackError if the disk is so full that a component would die of it soon."""
    free = shutil.disk_usage(layout.directory).free
    if free < DISK_FREE_BYTES_MIN:
        raise StackError(
            f"the disk of {layout.directory} has {free // 10**6} MB left, the stack needs {DISK_FREE_BYTES_MIN // 10**6} MB",
            "free some space, or set CONCORD_STACK_DIR to a folder on a larger disk",
        )


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Let one command at a time change this stack; a second one waits, then finds the work done."""
    with (layout.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_stack_json(layout: Layout) -> None:
    """Write the addresses where the settings look for them, whole or not at all."""
    scratch = layout.stack_json.with_suffix(".new")
    scratch.write_text(json.dumps(layout.addresses().as_dict(), indent=2) + "\n")
    os.replace(scratch, layout.stack_json)


def as_stack_error(error: BaseException, layout: Layout) -> BaseException:
    """An operating system's refusal in the stack's own words; anything else as it is."""
    return disk_error(error, layout.directory) if isinstance(error, OSError) else error
