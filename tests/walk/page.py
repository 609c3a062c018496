"""A page of the documentation as a program: its shell blocks in one shell, in order, and what it says one sees."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: between the output of two blocks; no command prints it
_MARK = "\x1e"


class Block(NamedTuple):
    """A block of commands, and the lines that it is said to print."""

    commands: str
    shown: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    """The page's `sh` blocks, each with the `text` block that follows it, if one does."""
    found = [(kind, body) for kind, body in _FENCE.findall(page.read_text())]
    return [
        Block(body, tuple(following[1].splitlines()) if following[0] == "text" else ())
        for (kind, body), following in pairwise([*found, ("", "")])
        if kind == "sh"
    ]


def script(page: list[Block]) -> str:
    """One program that stops at the first command that fails, and its jobs with it; between blocks it prints a mark."""
    mark = f"printf '{_MARK}'\n"
    return "set -emuo pipefail\ntrap 'kill $(jobs -p) || true' EXIT\n" + mark.join(block.commands for block in page)


def outputs(printed: str) -> list[str]:
    """What each block printed, as far as the program came."""
    return printed.split(_MARK)


def unseen(shown: tuple[str, ...], printed: str) -> str | None:
    """The first shown line that was not printed in its place; `…` stands for anything, spaces for any space."""
    text, place = " ".join(printed.split()), 0
    for line in shown:
        parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
        match = re.compile(".*?".join(parts)).search(text, place)
        if match is None:
            return line
        place = match.end()
    return None
