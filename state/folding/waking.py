"""Which stored rows set a timer: their accounts may not wait until something touches them after a restart."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from state.folding.derive import Deriver
from state.folding.milestones import earliest
from state.folding.targets import CASE_OPEN
from state.folding.term import may_have_dates
from state.model import ObjectSpec, TableSpec
from state.roles import FIRST, ROLES, Fact

_CASE_STATUS = ROLES["support", "case"].index("status")
_STATUS, _UNTIL, _FROM, _TO = (
    ROLES["billing", "subscription"].index(name) for name in ("status", "entitled_until", "valid_from", "valid_until")
)
#: of a row that waits for nothing
_NEVER: tuple[bool, Iterable[int]] = (False, ())
#: what reading a payload may raise; errors of decoders that carry a `code` count as well
_PAYLOAD_ERRORS = (ValueError, LookupError, TypeError, ArithmeticError, AttributeError)


def of_payload(error: Exception) -> bool:
    """Whether the payload is at fault, and not, say, a registry that does not answer: that must stop the flow."""
    return isinstance(error, _PAYLOAD_ERRORS) or isinstance(getattr(error, "code", None), str)


class Waking:
    """Looks at rows before their account is decoded."""

    def __init__(
        self,
        tables: tuple[TableSpec, ...],
        deriver: Deriver,
        decode: Callable[[int, bytes], dict[str, Any] | None],
        clocks: bool,
        days: Sequence[int] = (),
    ) -> None:
        """`clocks`: open cases have deadlines. `days`: before a renewal on which it is told."""
        self._tables = tables
        self._deriver = deriver
        self._decode = decode
        self._clocks = clocks
        self._days = days
        self._dated = [may_have_dates(table) or deriver.has_moments(table.index) for table in tables]
        self._can_end = [table.object is not None and self._may_end(table.index, table.object) for table in tables]
        #: by table: whether its rows have to be looked at
        self._looks = [t.object is not None and (self._can_end[t.index] or self._dated[t.index]) for t in tables]

    def look(self, table: int, stored: bytes, time_ms: int) -> tuple[bool, Iterable[int]]:
        """Whether a stored row may end at once (a subscription that entitles for a time, a case with a deadline), and
        the earliest times, ms, at which its milestones may be."""
        if not self._looks[table] or (spec := self._tables[table].object) is None:
            return _NEVER
        ends = self._can_end[table]
        try:
            row = self._decode(table, stored)
            if row is None:
                return True, ()
            fact = spec.mapper(row, 0, time_ms)
            return ends and self._ends(table, spec, fact), self._moments(table, spec, fact)
        except Exception as error:  # broad: restoring the account will tell what is wrong with the payload
            if not of_payload(error):
                raise
            return True, ()

    def _ends(self, table: int, spec: ObjectSpec, fact: Fact) -> bool:
        if spec.role.blocks:
            return self._deriver.waits(table, fact)
        if spec.role.object == "case":
            return fact[_CASE_STATUS] in CASE_OPEN
        timed = fact[_UNTIL] if fact[_STATUS] == "cancelled" else fact[_FROM] or fact[_TO]
        return timed is not None

    def _moments(self, table: int, spec: ObjectSpec, fact: Fact) -> Iterable[int]:
        if not self._dated[table]:
            return ()
        if spec.role.blocks:
            return self._deriver.moments(table, fact)
        return earliest(fact, self._days)

    def _may_end(self, table: int, spec: ObjectSpec) -> bool:
        """Whether rows of the table may set a timer at all."""
        if spec.role.blocks:
            return self._deriver.timed(table, self._clocks)
        if spec.role.object == "case":
            return self._clocks
        return spec.role.object == "subscription" and any(
            spec.fields[index - FIRST] is not None for index in (_UNTIL, _FROM, _TO)
        )


class Sleepers:
    """Accounts that are not decoded yet, and when their milestones may be."""

    def __init__(self) -> None:
        """None yet."""
        self._moments: dict[str, list[int]] = {}
        self._later: list[tuple[int, str]] = []

    def enter(self, account: str, moments: Iterable[int]) -> None:
        """A row of the account may have milestones then, ms."""
        self._moments.setdefault(account, []).extend(moments)

    def due(self, told_ms: int, clock_ms: int) -> Iterator[str]:
        """Accounts that may have one by the clock; what is not after `told_ms` was told."""
        for name, moments in self._moments.items():
            if ahead := [at for at in moments if at > told_ms]:
                heapq.heappush(self._later, (min(ahead), name))
        self._moments.clear()
        while self._later and self._later[0][0] <= clock_ms:
            yield heapq.heappop(self._later)[1]
