"""A service that cannot be reached, said in one way everywhere."""

from __future__ import annotations


class Unreachable(Exception):
    """`service` at `address` does not answer; the message names both and the next step. The CLI exits with 5."""

    def __init__(self, service: str, address: str, next_step: str, cause: str = "") -> None:
        self.service, self.address, self.next_step = service, address, next_step
        because = f" ({cause})" if cause else ""
        super().__init__(f"{service} at {address} cannot be reached{because}. Next step: {next_step}")
