from collections.abc import Callable
from typing import Any

from connectors.avro.native.operation import Op

SOURCES: str

class Reader:
    def __new__(cls, op: Op, whole: bool, again: Callable[..., Any]) -> Reader: ...
    def read(self, buf: bytes, p: int = 5) -> Any: ...

class FlatReader:
    def __new__(cls, op: Op, whole: bool, template: tuple[Any, ...], again: Callable[..., Any]) -> FlatReader: ...
    def read(self, buf: bytes, p: int = 5) -> tuple[Any, ...]: ...
