from collections.abc import Callable

SOURCES: str

class FactWriter:
    def __new__(cls, again: Callable[[str, str, int, int, bytes], bytes]) -> FactWriter: ...
    def write(self, account: str, link: str, position: int, time_ms: int, frame: bytes) -> bytes: ...
