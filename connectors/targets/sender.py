"""One job at one target: read, write if it differs, look whether it arrived. Gives the events of the life cycle."""

from __future__ import annotations

import time
from collections.abc import Mapping

from connectors import metrics
from connectors.targets.protocol import (
    BusinessRefusal,
    Conflict,
    InDoubt,
    Snapshot,
    Target,
    TargetError,
    TerminalError,
    TransientError,
    Write,
)
from connectors.targets.trace import trace_of
from state.comparing.bookings import on_the_way, unbooked_note
from state.correcting import correction as c
from state.correcting.correction import Correction, Event
from state.correcting.decision import key_of
from state.correcting.dispatcher import READ_BACK, TIDY, Job

#: After this many conflicts in a row a person is asked: somebody else keeps changing the same row.
CONFLICTS_MAX = 3


def place(correction: Correction) -> dict[str, str]:
    """The names by which a target's row can be found: the desired fields, then the ids."""
    intent = correction.intent
    return {**intent.desired, "object_id": intent.object_id, "account_id": intent.account_id}


def work(target: Target, job: Job) -> list[Event]:
    """Do one job; every error of the target becomes an event. Raises nothing that the target can cause."""
    if job.kind == READ_BACK:
        return [look(target, job)]
    if job.kind == TIDY:
        return [tidy(target, job.correction)]
    started = time.perf_counter()
    event = send(target, job.correction)
    metrics.SEND_SECONDS.labels(target.name).observe(time.perf_counter() - started)
    metrics.SENDS.labels(target.name, _outcome(event)).inc()
    return [event, look(target, job)] if isinstance(event, c.Acknowledged) else [event]


def send(target: Target, correction: Correction) -> Event:
    """Read the row; write only where it differs and is what the view saw. A stale token is answered by reading again."""
    intent = correction.intent
    try:
        for _ in range(CONFLICTS_MAX):
            found = target.read(intent.object, place(correction))
            if found is not None and target.shows(intent.object, found, intent.desired):
                return c.AlreadyEqual()
            if moved(target, correction, found):
                reason = f"{target.name} no longer shows what the difference was derived from; the view decides anew"
                return c.NotApplied("MOVED", reason)
            try:
                target.write(_write(correction, found))
                return c.Acknowledged()
            except Conflict:
                continue
    except InDoubt as error:
        return c.InDoubt(f"{error.code}: {error.reason}")
    except TransientError as error:
        return c.NotApplied(error.code, error.reason, _ms(error.retry_after_s))
    except BusinessRefusal as error:
        return c.Refused(error.code, error.reason, error.details)
    except TerminalError as error:
        return c.Refused(error.code, error.reason)
    reason = f"{target.name}: the row changed {CONFLICTS_MAX} times between reading and writing. Next step: decide who is right"
    return c.Refused("CONFLICT", reason)


def moved(target: Target, correction: Correction, found: Snapshot | None) -> bool:
    """Whether our fields at the target are not what the view compared: then the correction is not written over them.

    Fields of other people do not count: they are kept anyway. Nor does what an interrupted plan of this very correction
    left at the target, or a draft of anybody's that leads to what is desired: it is taken up. A row whose fields were all
    empty is as good as none, and so is a credit note that is only drafted.
    """
    if found is not None and found.unfinished == key_of(correction):
        return False
    intent = correction.intent
    current = intent.current or {}
    if found is not None and intent.object == "credit" and unbooked_note(found.fields.get("state")):
        found = None
    if found is None or not any(found.fields.get(name) for name in intent.desired):
        return any(current.values())

    def same(wanted: Mapping[str, str], shown: Mapping[str, str]) -> bool:
        return target.shows(intent.object, Snapshot(shown, None), wanted)

    if on_the_way(intent.desired, intent.current, found.fields, same):
        return False
    return intent.current is None or not target.shows(intent.object, found, current)


def look(target: Target, job: Job) -> Event:
    """Read back whether the target shows what is desired."""
    intent = job.correction.intent
    try:
        found = target.read(intent.object, place(job.correction))
    except TargetError as error:
        metrics.READ_BACKS.labels(target.name, "unreachable").inc()
        asked = error.retry_after_s if isinstance(error, TransientError) else None
        return c.ReadFailed(f"{error.code}: {error.reason}", _ms(asked))
    shown = found is not None and target.shows(intent.object, found, intent.desired)
    metrics.READ_BACKS.labels(target.name, "applied" if shown else "not_applied").inc()
    return c.Shown() if shown else c.NotShown(job.may_repeat)


def tidy(target: Target, correction: Correction) -> Event:
    """Remove what requests that arrived too late have left."""
    try:
        removed = target.tidy(correction.intent.object, place(correction), key_of(correction))
    except BusinessRefusal as error:
        return c.Refused(error.code, error.reason, error.details)
    except TargetError as error:
        asked = error.retry_after_s if isinstance(error, TransientError) else None
        return c.ReadFailed(f"{error.code}: {error.reason}", _ms(asked))
    metrics.LATE_DUPLICATES.labels(target.name).inc(len(removed))
    return c.Tidied(removed)


def _write(correction: Correction, found: Snapshot | None) -> Write:
    intent = correction.intent
    asked = {**intent.desired, **correction.amendment}
    token = found.token if found else None
    return Write(intent.object, place(correction), asked, token, key_of(correction), trace_of(correction))


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


def _outcome(event: Event) -> str:
    """The metric's word for an event."""
    words: dict[type[Event], str] = {
        c.Acknowledged: "acknowledged",
        c.AlreadyEqual: "already_equal",
        c.InDoubt: "unknown",
        c.NotApplied: "throttled"
        if isinstance(event, c.NotApplied) and event.retry_after_ms is not None
        else "not_applied",
        c.Refused: "refused",
    }
    return words[type(event)]
