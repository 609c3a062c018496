"""`stack/java.lock`: every jar of the stack as a Maven coordinate with size and SHA-256, no host names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError

LOCK = Path(__file__).with_name("java.lock")
#: the command that writes it
WRITER = "concord stack lock"
HEADER = """\
# Every jar of the stack: group, Maven coordinate, SHA-256, bytes.
# Written by `concord stack lock`; what is downloaded must match it to the byte.
"""
HEX = set("0123456789abcdef")


@dataclass(frozen=True, order=True)
class LockedJar:
    """One file of a Maven repository that one group of jars needs."""

    group: str
    coordinate: str
    sha256: str
    size: int

    @property
    def parts(self) -> tuple[str, str, str, str, str]:
        """Group id, artifact id, packaging, classifier (may be empty), version."""
        group_id, artifact_id, packaging, *rest = self.coordinate.split(":")
        classifier, version = rest if len(rest) == 2 else ("", rest[0])
        return group_id, artifact_id, packaging, classifier, version

    @property
    def filename(self) -> str:
        """The file's name as Maven repositories spell it."""
        _, artifact_id, packaging, classifier, version = self.parts
        return f"{artifact_id}-{version}{'-' + classifier if classifier else ''}.{packaging}"

    def matches(self, path: Path) -> bool:
        """Whether the file has exactly the locked content."""
        if path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def parse_lock(text: str, name: str = LOCK.name, writer: str = WRITER) -> tuple[LockedJar, ...]:
    """Read a lock that the command `writer` wrote; StackError names the line that is not group, coordinate, SHA-256 and size."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if not is_locked_jar(words):
            raise StackError(
                f"{name} line {number} is not 'group coordinate sha256 bytes': {line.strip()!r}",
                f"restore the file from version control, or rewrite it with `{writer}`",
            )
        jars.append(LockedJar(words[0], words[1], words[2], int(words[3])))
    return tuple(jars)


def is_locked_jar(words: list[str]) -> bool:
    """Whether the words of a line have the form that the lock promises."""
    return (
        len(words) == 4
        and words[1].count(":") in (3, 4)
        and "/" not in words[1]
        and len(words[2]) == 64
        and set(words[2]) <= HEX
        and words[3].isdecimal()
    )


def read_lock(path: Path = LOCK, writer: str = WRITER) -> tuple[LockedJar, ...]:
    """The committed lock; StackError if it is not there."""
    if not path.exists():
        raise StackError(
            f"{path} is missing",
            f"restore it from version control, or run `{writer}`",
        )
    return parse_lock(path.read_text(), path.name, writer)


def format_lock(jars: Iterable[LockedJar], header: str = HEADER) -> str:
    """The text of a lock: sorted, one jar a line, so that a change reads well in a diff."""
    return header + "".join(f"{jar.group} {jar.coordinate} {jar.sha256} {jar.size}\n" for jar in sorted(jars))


def digest(jars: Iterable[LockedJar]) -> str:
    """Eight hex digits that change when any of these jars changes; folder names carry them."""
    return hashlib.sha256("".join(sorted(jar.sha256 for jar in jars)).encode()).hexdigest()[:8]
