from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.avro.native.boundary import BoundaryLane
from connectors.avro.native.operation import Op
from state.row import Row

SOURCES: str

class TextReader:
    def __new__(cls, op: Op, template: tuple[str, ...], separator: str, again: Callable[..., Any]) -> TextReader: ...
    def read(self, buf: bytes, p: int = 5) -> str: ...

class RowReader:
    def __new__(cls, op: Op, template: tuple[Any, ...], separator: str, again: Callable[..., Any]) -> RowReader: ...
    def read(self, buf: bytes, partition: int, offset: int, key: str) -> Row: ...

class Lane:
    def __new__(
        cls, table: Any, keys: Mapping[bytes, Callable[..., Any]], values: Mapping[bytes, Callable[..., Any]]
    ) -> Lane: ...

def peek_rows(
    lanes: dict[str, Lane | BoundaryLane],
    truncate: str,
    messages: Iterable[Any],
    event: Callable[..., None],
    careful: Callable[..., None],
    rows: list[Row],
    ends: list[Any],
) -> None: ...
