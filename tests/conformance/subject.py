"""What the suite needs to know about an adapter and its server: values, requests that count, and the server's own truth."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.targets.description import AdapterDescription, Timeouts
from connectors.targets.protocol import Target
from stack.fault_proxy import Fault, FaultProxy, Request
from tests.conformance.story import Story, told

#: Long enough for a loaded machine; a test about slowness opens a target of less patience.
PATIENT_MS = 60_000
#: An open breaker is waited for in real time, so its pause is short here; how many failures open it is as shipped.
PAUSE_MS = 300
When = Callable[[Request], bool]


@dataclass(frozen=True)
class Case:
    """One object of one account, made for one test."""

    account: str
    object_id: str


class Subject(ABC):
    """One adapter with its real server behind a fault proxy.

    `desired(case, step)`: step 0 is how the object is made; 1 and 2 are two other states that it can be brought to.
    """

    name: str
    object: str
    proxy: FaultProxy

    @abstractmethod
    def target(self, answer_ms: int = PATIENT_MS) -> Target:
        """A new adapter that reaches its server through the proxy."""

    @abstractmethod
    def case(self) -> Case:
        """A new object's name; what it needs at the server (a customer) is there, the object is not."""

    @abstractmethod
    def desired(self, case: Case, step: int) -> Mapping[str, str]:
        """The fields of a step."""

    @abstractmethod
    def requests(self, step: int) -> Mapping[str, When]:
        """The requests that write, by name, in the order in which step 0 (making) or 1 (changing) sends them."""

    @abstractmethod
    def truth(self, case: Case) -> Mapping[str, str] | None:
        """Our fields as the server's own tables hold them, read past the adapter and the server; None: no such object."""

    @abstractmethod
    def effects(self, case: Case) -> int:
        """How often our fields took effect at the server, by its own records."""

    @abstractmethod
    def leftovers(self, case: Case) -> int:
        """What lies beside the object that counts and is there for nothing: unbooked drafts, second groups."""

    @abstractmethod
    def traces(self, case: Case) -> list[str]:
        """What writes left at the object besides the values, as the server's own tables hold it, oldest first."""

    @abstractmethod
    def edit_other(self, case: Case, text: str) -> None:
        """A person changes a field that is not ours."""

    @abstractmethod
    def other(self, case: Case) -> str:
        """That field now."""

    @abstractmethod
    def edit_ours(self, case: Case) -> None:
        """A person brings our fields to step 2."""

    @abstractmethod
    def refusal(self, case: Case) -> tuple[Mapping[str, str], str]:
        """Desired fields that the server's business rules refuse, and the code of the refusal."""

    @abstractmethod
    def not_let_in(self) -> list[Fault]:
        """Faults that make the server say 'invalid login' to a login that is right, once to the request and once to the next login."""

    @abstractmethod
    def did_nothing(self) -> Fault:
        """The last writing request of step 0 is answered with success and never reaches the server."""

    @abstractmethod
    def partly(self) -> Fault:
        """The request that carries the fields of step 0 reaches the server with one of them lost on the way."""

    def close(self) -> None:  # noqa: B027 - some have nothing to give back
        """Give back what the subject holds."""

    def story(self, case: Case, step: int, seen: int | None = None) -> Story:
        """A correction to `step`; `seen` is the step that the view saw (None: it saw no object)."""
        return self.wish(case, self.desired(case, step), None if seen is None else self.desired(case, seen))

    def wish(self, case: Case, desired: Mapping[str, str], current: Mapping[str, str] | None = None) -> Story:
        """A correction to these fields."""
        return told(uuid.uuid4().hex, self.name, self.object, case.object_id, case.account, desired, current)

    def made(self, target: Target) -> Case:
        """A case whose object is at step 0."""
        case = self.case()
        story = self.story(case, 0).settle(target)
        assert story.state == "VERIFIED", (story.code, story.correction.reason)
        return case

    def holds(self, case: Case, step: int) -> bool:
        """Whether the server's own tables hold the fields of a step."""
        return self.truth(case) == self.desired(case, step)


def hurried(description: AdapterDescription, answer_ms: int) -> dict[str, object]:
    """What the suite changes of a shipped description: patience with the server, and the breaker's pause."""
    breaker = description.breaker.model_copy(update={"pause_ms": PAUSE_MS})
    return {"timeouts": Timeouts(answer_ms=answer_ms), "breaker": breaker}


def any_write(whens: Mapping[str, When]) -> When:
    """Whether a request is one of them."""
    return lambda request: any(when(request) for when in whens.values())
