"""What a changed mapping would do: the same rows derived under both mappings and compared. Nothing is written anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.capturing.column_types import fields_of
from connectors.capturing.debezium import Decoder, LastCommit, Peek
from connectors.capturing.frames import Schemas
from connectors.capturing.mapped_rows import MappedRows
from connectors.contracts import Contracts
from connectors.kafka.restore import read_to_end
from connectors.kafka.topics import admin, partition_counts
from connectors.mappings.checking.recorded import Recording
from connectors.mappings.versions import Versions, places_anew
from dataflows.replaced import Replaced
from dataflows.settings import Settings, SettingsError
from dataflows.start import last_progress
from dataflows.stored import AsStored, FactRecord, Rows
from state.accounts import StoredRow
from state.folding.notes import Note
from state.model import Model
from state.output import Output
from state.process import State, process
from state.rederivation import Opened, derive
from state.resolving.identity import Identity
from state.row import Release
from state.rules import Rules
from state.sequencer import Sequencer
from state.shard import Shard
from state.step import Position, ticked
from state.viewing.preview import Comparison, View, view_of

#: recorded events that are processed at once
_BATCH = 2_000


class Side(NamedTuple):
    """One of the two: its sources and tables, its rules, and their versions."""

    model: Model
    rules: Rules
    versions: Versions


@dataclass(slots=True)
class Told:
    """What a side says of its rows apart from the view, by code or number."""

    parked: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    waiting: int | None = None
    unfinished: int = 0


class Preview(NamedTuple):
    """The differences, and what each side says besides."""

    comparison: Comparison
    before: Told
    after: Told


def of_recording(recording: Recording, before: Side, after: Side, examples_max: int) -> Preview:
    """Compare over recorded events: each side takes them from the first byte on."""
    preview = Preview(Comparison(examples_max), Told(), Told())
    views: list[View] = []
    for side, told in ((before, preview.before), (after, preview.after)):
        rows, clock_ms = _run(recording, side, told)
        views.append(_view(recording, side, rows, clock_ms, told))
    preview.comparison.add(*views)
    return preview


def of_facts(
    settings: Settings, contracts: Contracts, schemas: Schemas, before: Side, after: Side, examples_max: int
) -> Preview:
    """Compare over the rows that `concord.facts` holds now, partition by partition. Raises CannotPlace,
    SettingsError where nothing is stored, KafkaUnavailable.
    """
    preview = Preview(Comparison(examples_max), Told(), Told())
    topic = f"{settings.prefix}facts"
    partitions = partition_counts(admin(settings.kafka), [topic]).get(topic, 0)
    progress = last_progress(settings, contracts) if partitions else None
    if progress is None:
        raise SettingsError(
            f"no flow has stored anything in {topic}, so there are no rows to compare over. Next step: set CONCORD_PREFIX to "
            f"that of the running flow, or give --recorded FILE"
        )
    clock_ms = min(progress["clock_ms"].values(), default=0)

    def read(partitions: list[int]) -> Iterator[FactRecord]:
        for batch in read_to_end(settings.kafka, topic, partitions):
            for message in batch:
                yield message.partition() or 0, message.key() or b"", message.value()

    old: AsStored | Replaced = AsStored(before.model, read)
    new: AsStored | Replaced = AsStored(after.model, read)
    if places_anew(before.versions, after.versions):
        new = Replaced(after.model, Peek(schemas, after.model), partitions, topic, read)
        preview.before.waiting, preview.after.waiting = new.waiting
    numbers = range(partitions)
    portions = [[number] for number in numbers] if isinstance(new, AsStored) else [list(numbers)]
    for portion in portions:  # rows that move between partitions can only be compared all at once
        one = _view(schemas, before, _all(old.rows(number) for number in portion), clock_ms, preview.before)
        other = _view(schemas, after, _all(new.rows(number) for number in portion), clock_ms, preview.after)
        preview.comparison.add(one, other)
    return preview


def _all(portions: Iterable[Rows]) -> Rows:
    out = Rows({}, {})
    for portion in portions:
        out.accounts.update(portion.accounts)
        out.notes.update(portion.notes)
    return out


def _view(schemas: Schemas, side: Side, rows: Rows, clock_ms: int, told: Told) -> View:
    outputs: list[Output] = []
    opened = Opened({}, {}, rows.notes)
    for derived in derive(_opener(schemas, side), rows.accounts, opened, clock_ms):
        outputs.append(derived.output)
        told.parked.update(fault.code for _, fault in derived.faults)
    told.rows += sum(map(len, rows.accounts.values()))
    return view_of(outputs)


class _Opener:
    """Opens shards that share one decoder."""

    def __init__(self, schemas: Schemas, side: Side) -> None:
        self._side, self._decoder = side, Decoder(schemas, fields=fields_of(side.model))
        self._mapped = MappedRows(schemas, side.model)

    def __call__(self, _number: int = 0) -> Shard:
        side, decoder = self._side, self._decoder
        return Shard(side.model, decoder.row, side.rules, reencode=decoder.reencode, mapped=self._mapped)


def _opener(schemas: Schemas, side: Side) -> _Opener:
    return _Opener(schemas, side)


def _run(recording: Recording, side: Side, told: Told) -> tuple[Rows, int]:
    """The whole path over a recording; the rows that a flow would have stored, and its clock."""
    peek, identity = Peek(recording, side.model), Identity(side.model.tables)
    sequencer = Sequencer(side.model, identity, 1, Position(live=True), LastCommit(recording))
    state, clock_ms = State(sequencer, _opener(recording, side)), 0
    kept: dict[tuple[int, str], tuple[str, StoredRow]] = {}
    notes: dict[tuple[str, str], Note] = {}
    for first in range(0, len(recording.events), _BATCH):
        outputs = process(peek.batch(recording.events[first : first + _BATCH]), state)
        if outputs.step is None:
            continue
        clock_ms = ticked(outputs.step.position.clock_ms)
        told.unreadable.update(bad.code for bad in outputs.step.parked)
        for number, output in outputs.shards.items():
            _keep(outputs.step.releases[number], output, kept)
            notes.update({(note.kind, note.place): note for note in output.notes})
    told.waiting, told.unfinished = identity.waiting, sum(one.held for one in sequencer.standings.values())
    rows = Rows({}, {})
    for account, row in kept.values():
        rows.accounts.setdefault(account, []).append(row)
    for note in notes.values():
        if note.body is not None:
            rows.notes.setdefault(note.account, []).append(note)
    return rows, clock_ms


def _keep(release: Release, output: Output, kept: dict[tuple[int, str], tuple[str, StoredRow]]) -> None:
    """What the encoder would write to the facts."""
    for transaction in release.transactions:
        for change in transaction.changes:
            ref = change.table, change.key
            if change.op == "d":
                if ref in kept and kept[ref][0] == change.account:
                    del kept[ref]
            else:
                frame = output.facts_override.get(ref, change.frame)
                kept[ref] = change.account, StoredRow(*ref, transaction.position, transaction.time_ms, frame)
