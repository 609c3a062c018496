from collections.abc import Callable, Mapping
from typing import Any

from connectors.avro.native.operation import Op

SOURCES: str

class BoundaryReader:
    def __new__(cls, op: Op, counts: Mapping[bytes, dict[str, int]], again: Callable[..., Any]) -> BoundaryReader: ...
    def read(self, buf: bytes, p: int = 5) -> tuple[Any, ...]: ...

class BoundaryLane:
    def __new__(
        cls,
        source: int,
        readers: Mapping[bytes, Callable[..., Any]],
        begins: set[bytes],
        end_of: Callable[[tuple[Any, ...]], Any],
    ) -> BoundaryLane: ...
