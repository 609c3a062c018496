"""The scenario wired: somebody who listens, the story, and a person who approves."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contracts import Contracts
from dataflows.settings import Settings
from demo.mid_cycle.approving import Approver
from demo.mid_cycle.customers import CURRENCIES
from demo.mid_cycle.listening import Listener
from demo.mid_cycle.story import Story
from demo.mid_cycle.systems import Systems


class Scenario:
    """One run on these systems; `tag` makes the customers' numbers its own."""

    def __init__(
        self,
        settings: Settings,
        contracts: Contracts,
        systems: Systems,
        tag: str,
        currencies: Sequence[str] = CURRENCIES,
    ) -> None:
        self._listener = Listener(settings.kafka, settings.prefix, settings.partitions, contracts.read)
        approver = Approver(settings.kafka, contracts)
        self.story = Story(systems, self._listener, tag, approver.approve, currencies)

    def start(self) -> None:
        """Begin to listen; the topics are there."""
        self._listener.start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
