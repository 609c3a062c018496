"""What a demo that leaves its stack up leaves with it: the settings by which commands find what it ran."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from stack.layout import Layout


def keep(layout: Layout, name: str, settings: Mapping[str, str]) -> Path:
    """Write them as a file for the shell, readable by its owner alone since passwords may be among them; returns it."""
    path = layout.run / f"{name}.env"
    path.touch(mode=0o600)
    told = {"CONCORD_STACK_DIR": str(layout.directory), "CONCORD_PORT_BASE": str(layout.port_base), **settings}
    path.write_text("".join(f"export {key}={shlex.quote(text)}\n" for key, text in sorted(told.items())))
    return path
