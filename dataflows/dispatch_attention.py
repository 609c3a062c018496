"""What people must look at among the corrections, as a topic of its own: told, and taken back, in the cut that decides it."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.contracts import Contracts
from connectors.kafka.restore import latest
from connectors.kafka.transactor import Record
from dataflows.settings import Settings
from state.correcting.attention import attention_record
from state.correcting.correction import Correction
from state.routing import partition_of


class AttentionTopic:
    """Knows what is told there. `restored`: corrections of an earlier run; what of them was never told is told first."""

    def __init__(
        self, contracts: Contracts, partitions: int, told: Iterable[str] = (), restored: Iterable[Correction] = ()
    ) -> None:
        self._topic, self._encode = contracts.topic("attention"), contracts.writer("attention")
        self._partitions = partitions
        self._told = set(told)
        self._untold = [one for one in restored if one.id not in self._told and attention_record(one) is not None]

    def records(self, changed: Iterable[Correction], removed: Iterable[tuple[str, str]]) -> list[Record]:
        """What to publish of corrections that changed, and of (id, account) of those that leave their topic."""
        untold, self._untold = self._untold, []
        found = [record for one in (*untold, *changed) if (record := self._of(one)) is not None]
        return found + [self._over(name, account) for name, account in removed if name in self._told]

    def _of(self, correction: Correction) -> Record | None:
        body = attention_record(correction)
        account = correction.intent.account_id
        if body is None:
            return self._over(correction.id, account) if correction.id in self._told else None
        self._told.add(correction.id)
        return self._topic, partition_of(account, self._partitions), correction.id.encode(), self._encode(body)

    def _over(self, name: str, account: str) -> Record:
        self._told.discard(name)
        return self._topic, partition_of(account, self._partitions), name.encode(), None


def told(settings: Settings, contracts: Contracts) -> list[str]:
    """Ids of the corrections that the topic tells of."""
    found = latest(settings.kafka, contracts.topic("attention"), list(range(settings.partitions)))
    return [key.decode() for key in found]
