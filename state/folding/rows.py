"""From a captured row to a folded fact: decode, fill unchanged TOAST values, map, fold; or park under its account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from state.folding import changes as change_event
from state.folding.account import Account, Fault
from state.folding.billing import subscription
from state.folding.derive import Deriver
from state.folding.fold import fold, folder_of, forget_position, refold
from state.folding.states import States
from state.folding.waking import Waking, of_payload
from state.mapping.parked import ParkedRow, by_table, by_topic, pack, unpack
from state.mapping.toast import KEPT_FRAME_BYTES_MIN, has_marker, merge
from state.model import Model, TableSpec
from state.output import Output, ParkedChange
from state.resolving.carried import CARRIES, Carried, bare, carried_by
from state.resolving.moves import MOVED
from state.roles import FIRST, POSITION, UNMAPPED, Fact, Ref
from state.row import Change, Transaction
from state.values import BadValue

#: (table index, frame) -> the whole row image, None if the frame holds none
Decode = Callable[[int, bytes], dict[str, Any] | None]
#: (frame with markers, merged row image) -> frame with the merged image
Reencode = Callable[[bytes, dict[str, Any]], bytes]
Entry = dict[str, Any]


def _keep(account: Account, ref: Ref, frame: bytes) -> None:
    """Keep a frame that may hold values which a later change does not repeat, and only the newest one."""
    if len(frame) >= KEPT_FRAME_BYTES_MIN:
        account.own("kept_frames")[ref] = frame
    else:
        account.drop("kept_frames", ref)


class Rows:
    """Applies changes to accounts."""

    def __init__(
        self,
        model: Model,
        decode: Decode,
        reencode: Reencode | None,
        mapped: Decode | None,
        clocks: bool = False,
        states: States | None = None,
        days: Sequence[int] = (),
    ) -> None:
        """`mapped` is `decode` for rows without markers: it may leave out the columns that no mapping uses.

        `clocks`: open cases have deadlines. `states` follows those of the rows. `days`: before a renewal.
        """
        self._states = states or States(model.folded)
        self._tables = model.folded
        self.deriver = Deriver(model, self._states)
        self.waking = Waking(model.folded, self.deriver, decode, clocks, days)
        self._decode = decode
        self._mapped = mapped or decode
        self._reencode = reencode
        self._versions = {source.name: source.version for source in model.sources}
        parts = self.deriver.folders
        self._plans = [
            (t, parts.get(t.index) or folder_of(t), t.object.mapper) if t.object else None for t in model.folded
        ]
        #: place of the state in a table's facts, 0 without one, -1 where the history is kept
        self._followed = self._states.followed

    def apply(self, account: Account, change: Change, transaction: Transaction, out: Output) -> Entry | None:
        """Apply one change; returns its part of the change event, None if nothing of the model changed."""
        came = change[2] == MOVED or change[4].startswith(CARRIES)
        return (self._bring if came else self._apply)(account, change, transaction, out)

    def _apply(self, account: Account, change: Change, transaction: Transaction, out: Output) -> Entry | None:
        _, table, op, key, frame, _, _, _ = change
        plan = self._plans[table]
        if plan is None:
            out.ignored += 1
            return None
        spec, folder, mapper = plan
        ref, (_, position, time_ms, _) = (table, key), transaction
        # sources lag differently: an older transaction of one must not make a newer difference look older
        if time_ms > account.touched_ms:
            account.touched_ms = time_ms
        account.changed = True
        out.facts_override.pop(ref, None)  # what an earlier change of this release wanted stored is superseded
        fact: Fact | None = None
        if op == "d" or op == "t":
            account.drop("kept_frames", ref)
            if ref not in account.rows and ref not in account.faults:
                out.ignored += 1
                return None
        else:
            try:
                if has_marker(frame):
                    row, frame = self._filled(account, spec, change, transaction, out)
                else:
                    row = self._mapped(table, frame)
                if row is None:
                    raise BadValue("NO_ROW_IMAGE", "the event carries no row image")
                if account.kept_frames or len(frame) >= KEPT_FRAME_BYTES_MIN:
                    _keep(account, ref, frame)
                fact = mapper(row, position, time_ms)
            except Exception as error:  # broad: whatever a payload does, it stops only its own row
                if not of_payload(error):
                    raise
                self._park(account, spec, change, transaction, error, out)
                return None
        old = fold(account, self._tables, folder, ref, fact)
        if account.stale:
            refold(account, self._tables)
        if old is not None and (
            fact is None
            or ((at := self._followed[table]) and (at < 0 or old[at] != fact[at]))  # few change their state
        ):
            self._left(account, spec, ref, old, fact, out)
        if account.faults and (fault := account.faults.get(ref)):
            out.parked.append(ParkedChange(change, position, spec.source, fault.code, fault.reason))
        else:
            out.applied += 1
        return change_event.entry(spec, old, fact)

    def _bring(self, account: Account, change: Change, transaction: Transaction, out: Output) -> Entry | None:
        """A row comes from another account: it is as old as it was there, but differences begin with the move."""
        known, moved_ms = (ref := (change.table, change.key)) in account.rows, transaction.time_ms
        carried = carried_by(change.frame) or Carried(moved_ms, False, 0, {}, change.frame)
        account.touched_ms = max(account.touched_ms, moved_ms)
        own = transaction._replace(time_ms=carried.time_ms)
        entry = self._apply(account, change._replace(frame=carried.frame), own, out)
        out.facts_override[ref], out.own_times[ref] = out.facts_override.get(ref, carried.frame), carried.time_ms
        if not known and (fact := account.rows.get(ref)) is not None:
            if (plan := self._plans[change.table]) is not None and plan[1] is subscription:
                account.tenure.came(ref, (fact[POSITION], moved_ms, *fact[UNMAPPED:]))
            self._states.arrived(account, ref, fact, carried, out)
        return entry

    def _left(self, account: Account, spec: TableSpec, ref: Ref, old: Fact, fact: Fact | None, out: Output) -> None:
        """The row no longer is what it was: in another state, or gone."""
        self._states.changed(account, ref, old, fact, out)
        if fact is None:
            forget_position(account, self._tables, spec.source, old[POSITION])

    def _filled(
        self, account: Account, spec: TableSpec, change: Change, transaction: Transaction, out: Output
    ) -> tuple[dict[str, Any] | None, bytes]:
        """Fill unchanged TOAST values from the row's old image; the merged row, and the frame that says it.

        Raises BadValue, and whatever decoding raises.
        """
        table, key, frame = change[1], change[3], change[4]
        row = self._decode(table, frame)
        if row is None:
            return None, frame
        kept = account.kept_frames.get((table, key))
        if kept is None:
            # after a change of the primary key the old image lies under the key that this transaction retires
            gone = [c[3] for c in transaction[3] if c[1] == table and c[2] == "d" and c[0] == account.id]
            kept = account.kept_frames.get((table, gone[0])) if len(gone) == 1 else None
        unknown = merge(row, self._decode(table, kept) if kept else None)
        assert spec.object is not None
        needed = {field.column for field in spec.object.fields if field}
        for name in unknown:
            if name in needed:
                raise BadValue("UNAVAILABLE_VALUE", f"column {name} is unchanged and its value was never seen")
        if kept is None or self._reencode is None:
            return row, frame
        merged = self._reencode(frame, row)
        out.facts_override[table, key] = merged
        return row, merged

    def _park(
        self,
        account: Account,
        spec: TableSpec,
        change: Change,
        transaction: Transaction,
        error: Exception,
        out: Output,
    ) -> None:
        """Set the change aside. What the row said before stays in force, here and in what is stored.

        A row that came from another account was told when it was parked there.
        """
        if change[2] == MOVED and unpack(change[4]) is not None:
            self.restore(account, (change[1], change[3]), transaction[1], transaction[2], change[4])
            return
        code = getattr(error, "code", None) or "UNREADABLE_PAYLOAD"
        reason = str(getattr(error, "reason", None) or error)
        self._fault(account, spec, (change[1], change[3]), code, reason, transaction[1], transaction[2])
        old = account.rows.get((change[1], change[3]))
        if old is not None:
            parked = ParkedRow(code, reason, self._versions[spec.source], by_topic(old, self._tables), change[4])
            out.facts_override[change[1], change[3]] = pack(parked)
        if change[2] != MOVED:
            out.parked.append(ParkedChange(change, transaction[1], spec.source, code, reason))

    def _fault(
        self, account: Account, spec: TableSpec, ref: Ref, code: str, reason: str, position: int, time_ms: int
    ) -> None:
        assert spec.object is not None
        kind = spec.object.role.blocks or spec.object.role.object
        account.own("faults")[ref] = Fault(code, reason, kind, position, time_ms)
        account.mark_of(ref, kind)

    def restore(self, account: Account, ref: Ref, position: int, time_ms: int, stored: bytes) -> None:
        """Fold one stored row, as it was folded when it came."""
        plan = self._plans[ref[0]]
        if plan is None:
            return
        spec, folder, mapper = plan
        account.touched_ms = time_ms
        parked = unpack(stored := bare(stored))
        if parked is not None and parked.version == self._versions[spec.source]:
            self._fold_last(account, ref, parked)
            self._fault(account, spec, ref, parked.code, parked.reason, position, time_ms)
            return
        frame = parked.frame if parked is not None else stored
        try:
            marked = has_marker(frame)
            row = (self._decode if marked else self._mapped)(ref[0], frame)
            if row is None:
                raise BadValue("NO_ROW_IMAGE", "the event carries no row image")
            if marked:
                assert spec.object is not None
                needed = {field.column for field in spec.object.fields if field}
                if lost := sorted(needed.intersection(merge(row, None))):
                    raise BadValue("UNAVAILABLE_VALUE", f"column {lost[0]} is unchanged and its value was never seen")
            if len(frame) >= KEPT_FRAME_BYTES_MIN:
                account.own("kept_frames")[ref] = frame
            fold(account, self._tables, folder, ref, mapper(row, position, time_ms))
        except Exception as error:  # broad: whatever a payload does, it stops only its own row
            if not of_payload(error):
                raise
            if parked is not None:
                self._fold_last(account, ref, parked)
            code = getattr(error, "code", None) or "UNREADABLE_PAYLOAD"
            self._fault(account, spec, ref, code, str(getattr(error, "reason", None) or error), position, time_ms)

    def _fold_last(self, account: Account, ref: Ref, parked: ParkedRow) -> None:
        """What a parked row said last stays in force, unless the mapping made another kind of object of the row."""
        spec, folder, _ = self._plans[ref[0]] or (None, None, None)
        if spec is None or folder is None or spec.object is None:
            return
        if len(parked.fact) == FIRST + len(spec.object.fields):
            with suppress(KeyError):  # it refers to a table that is gone
                fold(account, self._tables, folder, ref, by_table(parked.fact, self._tables))
