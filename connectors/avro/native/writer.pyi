from collections.abc import Callable
from typing import Any

SOURCES: str
KINDS: dict[str, int]

class Form:
    def __new__(
        cls,
        kind: int,
        *,
        null_tag: int = -1,
        tag: int = -1,
        size: int = 0,
        names: tuple[str, ...] = (),
        defaults: tuple[Any, ...] = (),
        parts: tuple[Form, ...] = (),
        symbols: dict[str, bytes] | None = None,
        convert: Callable[[Any], Any] | None = None,
        missing: Any = None,
    ) -> Form: ...

class Writer:
    def __new__(cls, form: Form, prefix: bytes, again: Callable[[Any], bytes]) -> Writer: ...
    def write(self, value: Any) -> bytes: ...
