"""What the look-up store says about itself: how far it is, of which topics, and whether readers may come in."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

from state.cuts import Partition, Progress

LIVE, CATCHING_UP = "live", "catching_up"


class StoreState(NamedTuple):
    """What the store says about itself. `written_ms`: wall clock of its last step. `offsets`: topic -> (topic id, {partition: next offset}); empty in a new store."""

    generation: str
    sequence: int
    state: str
    highest: int
    progress: Progress | None
    written_ms: int
    offsets: dict[str, tuple[str, dict[int, int]]]

    @property
    def token(self) -> str:
        """What a writer must name to be let in: it has seen this very state."""
        return f"{self.generation} {self.sequence}"


def parse_state(raw: dict[str, str]) -> StoreState:
    """The state hash as the store holds it; an empty one is a store that holds nothing."""
    progress = None
    if "commit" in raw:
        progress = Progress(int(raw["commit"]), json.loads(raw["frontier"]), json.loads(raw["clock_ms"]), live=True)
    offsets = {
        topic: (known["id"], {int(number): offset for number, offset in known["next"].items()})
        for topic, known in json.loads(raw.get("offsets", "{}")).items()
    }
    sequence = int(raw.get("sequence", 0))
    return StoreState(
        raw.get("generation", ""),
        sequence,
        raw.get("state", CATCHING_UP),
        int(raw.get("highest", -1)),
        progress,
        int(raw.get("written_ms", 0)),
        offsets,
    )


def state_fields(
    state: str, highest: int, progress: Progress | None, offsets: dict[Partition, int], ids: dict[str, str]
) -> dict[str, str]:
    """The state fields of one step as text; without `progress` the shown cut stays what it was."""
    grouped: dict[str, dict[str, Any]] = {}
    for (topic, number), offset in offsets.items():
        grouped.setdefault(topic, {"id": ids[topic], "next": {}})["next"][str(number)] = offset
    written_ms = time.time_ns() // 1_000_000
    fields = {"state": state, "highest": str(highest), "offsets": json.dumps(grouped), "written_ms": str(written_ms)}
    if progress is not None:
        fields |= {
            "commit": str(progress.commit),
            "frontier": json.dumps(progress.frontier),
            "clock_ms": json.dumps(progress.clock_ms),
        }
    return fields
