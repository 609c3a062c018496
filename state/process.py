"""The whole path in one call: what the Bytewax flow, a simulator and a plain loop in a test all run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from state.output import Output
from state.sequencer import Sequencer
from state.shard import Shard
from state.step import Batch, Step


@dataclass(slots=True)
class State:
    """The serial step and the shards; `open_shard` makes (and restores) one at its first release."""

    sequencer: Sequencer
    open_shard: Callable[[int], Shard]
    shards: dict[int, Shard] = field(default_factory=dict)


@dataclass(slots=True)
class Outputs:
    """What one batch led to: the step (None if nothing became whole) and each shard's output."""

    step: Step | None
    shards: dict[int, Output] = field(default_factory=dict)


def process(batch: Batch, state: State) -> Outputs:
    """Align, resolve, route, then decode, map, fold, view and compare in every shard that has something to do."""
    step = state.sequencer.advance(batch)
    outputs = Outputs(step)
    if step is not None:
        for number, release in step.releases.items():
            shard = state.shards.get(number)
            if shard is None:
                shard = state.shards[number] = state.open_shard(number)
            outputs.shards[number] = shard.apply(release)
    return outputs
