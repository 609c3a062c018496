from collections.abc import Callable
from typing import Any

SOURCES: str
KINDS: dict[str, int]

class Op:
    def __new__(
        cls,
        kind: int,
        *,
        null_tag: int = -1,
        tag: int = -1,
        size: int = 0,
        name: str | None = None,
        kept: bool = False,
        slot: int = -1,
        parts: tuple[Op, ...] = (),
        symbols: tuple[str, ...] = (),
        convert: Callable[[Any], Any] | None = None,
        as_text: bool = False,
        memo: bool = False,
        mapping: dict[str, str] | None = None,
    ) -> Op: ...
