"""Cases out of tickets: severity is a custom field row, holds and earlier states are in the history, merges in `effective`.

A ticket that was merged into another stays as it is in its table, its status too; from then on only the other one counts. What
the merged one knew belongs to that: its history and holds, the earlier of the two beginnings, and what the other leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from state.folding.derivation import Derivation, Link, Made, Moment, Part, Parts
from state.folding.life import Step
from state.values import NOT_SET, instant_from_us, instant_ms

TICKET = "RT::Ticket"
#: statuses in which the clock of a case stands still
_HELD = frozenset(("stalled",))
#: tickets that are merged into one, at most
_MERGED_MAX = 1_000
Span = tuple[str, str | None]


def value(fields: Sequence[Part], kind: str, of: str) -> Part | None:
    """The custom field row that counts: a change disables one and adds another; of two that a race left, the newer."""
    found = [f for f in fields if f["kind"] == kind and f["of"] == of and not f["disabled"]]
    return found[-1] if found else None


def spans(changes: Iterable[Part], over: str | None) -> list[Span]:
    """From when to when a ticket was held, out of the history of its status; `over`: when it was merged, which ends a hold."""
    found: list[Span] = []
    since: str | None = None
    for change in sorted(changes, key=lambda one: (one["at"], one.order)):
        if change["new"] in _HELD:
            since = since or change["at"]
        elif since is not None:
            found.append((since, change["at"]))
            since = None
    return found if since is None else [*found, (since, over)]


def held(found: Iterable[Span]) -> tuple[int, str | None]:
    """(ms in holds that are over, since when it is held now): time in which two tickets were held counts once."""
    held_ms, reached_ms, since = 0, 0, None
    for begins, ends in sorted(found, key=lambda span: instant_ms(span[0]) or 0):
        begins_ms = instant_ms(begins) or 0
        if ends is None:
            since = since or begins
            continue
        ends_ms = instant_ms(ends) or 0
        if since is not None:
            ends_ms = min(ends_ms, instant_ms(since) or 0)  # the rest is in the hold that goes on
        held_ms += max(0, ends_ms - max(begins_ms, reached_ms))
        reached_ms = max(reached_ms, ends_ms)
    return held_ms, since


def target_of(row: Part, parts: Parts) -> Part:
    """The ticket that a ticket was merged into, at the end of the chain; itself where it was not, or that one is not here."""
    seen = {row["row"]}
    while row["effective"] not in seen:
        further = parts.one("ticket", row=row["effective"])
        if further is None or len(seen) > _MERGED_MAX:
            break
        row = further
        seen.add(row["row"])
    return row


def merged_into(row: Part, parts: Parts) -> list[Part]:
    """The tickets that were merged into a ticket, directly or over others, in the order of their numbers."""
    found = {row["row"]: row}
    for ahead in (rows := [row]):  # grows while it is read
        for one in parts.of("ticket", effective=ahead["row"]):
            if one["row"] not in found and len(found) < _MERGED_MAX:
                found[one["row"]] = one
                rows.append(one)
    return sorted(rows[1:], key=lambda one: one.order)


def _anchors(part: Part, parts: Parts) -> Iterable[str | None]:
    """A row concerns its ticket and the one that it was merged into; a ticket also those that were merged into it."""
    if part.kind == "custom_field" and part["of"] != TICKET:
        return []
    row = (
        part if part.kind == "ticket" else parts.one("ticket", row=part["ticket" if part.kind == "history" else "row"])
    )
    if row is None:
        return [part["ticket"] if part.kind == "history" else part["row"]]
    below = [one["row"] for one in merged_into(row, parts)] if part.kind == "ticket" else []
    return [row["row"], *below, row["effective"], target_of(row, parts)["row"]]


def _case(parts: Parts, anchor: str, _moment: Moment) -> Iterator[Made]:
    """A ticket with what was merged into it; a merged one says into which, and nothing else is derived from it."""
    row = parts.one("ticket", row=anchor)
    if row is None:
        return
    target = target_of(row, parts)
    gone = target["row"] != anchor or row["effective"] not in (anchor, "0")
    others = [] if target["row"] != anchor else merged_into(row, parts)
    members = [row, *others]
    history = {one["row"]: parts.of("history", ticket=one["row"]) for one in members}
    changes = {one["row"]: [c for c in history[one["row"]] if c["kind"] == "Status"] for one in members}
    over = {one["row"]: _merged_at(history[one["row"]], one) for one in ([row] if gone else others)}
    held_ms, since = held(s for one in members for s in spans(changes[one["row"]], over.get(one["row"])))
    level = next((one for one in members if one["service_level"]), row)
    into = row["effective"] if target["row"] == anchor else target["row"]
    fields = {
        "status": row["status"],
        "severity": _severity(parts, members),
        "subject": row["subject"],
        "opened_at": min(filter(None, (_set(one["opened_at"]) for one in members)), key=_instant, default=None),
        "resolved_at": _set(row["resolved_at"]),
        "due_at": next((one["due_at"] for one in members if _set(one["due_at"]) is not None), None),
        "service_level": level["service_level"],
        "held_ms": held_ms,
        "held_since": since,
        "merged_into": f"CASE-{into}" if gone else None,
    }
    unmapped = ["status"] if row.unknown("status") else []
    unmapped += ["service_level"] if level.unknown("service_level") and level["service_level"] else []
    steps = _steps(row, changes[anchor])
    yield Made("case", anchor, f"CASE-{anchor}", fields, tuple(unmapped), own=row, steps=steps)
    for change in () if target["row"] != anchor else (c for one in members for c in history[one["row"]]):
        event = {"case": Link("case", anchor), "kind": change["kind"], "at": change["at"]}
        key = change.ref[1] if change["ticket"] == anchor else f"{anchor}:{change.ref[1]}"
        yield Made("case_event", key, change.ref[1], event, (), (change,))


def _instant(at: str) -> int:
    return instant_ms(at) or 0


def _committed(row: Part) -> str:
    return instant_from_us(row.time_ms * 1000) or NOT_SET


def _set(at: str | None) -> str | None:
    """Unset dates are those of 1970."""
    return None if at == NOT_SET else at


def _severity(parts: Parts, members: Sequence[Part]) -> int | None:
    """The ticket's own, else that of the first merged into it that has one."""
    for one in members:
        found = value(parts.of("custom_field", row=one["row"]), "severity", TICKET)
        if found is not None:
            known = found["text"].isascii() and found["text"].isdigit()
            return int(found["text"]) if known else None
    return None


def _merged_at(history: Iterable[Part], row: Part) -> str:
    """When a ticket was merged: its history links it to the other one; else when that was committed."""
    linked = [one["at"] for one in history if one["kind"] == "AddLink" and one["field"] == "MergedInto"]
    return str(linked[-1]) if linked else _committed(row)


def _steps(row: Part, changes: Sequence[Part]) -> tuple[Step, ...]:
    """The states of a ticket out of its history; none where the mapping does not say what its words mean.

    A status and its entry in the history are two transactions: of what only one of them says the ticket itself counts.
    """
    ordered = sorted(changes, key=lambda one: (one["at"], one.order))
    if not ordered or row["opened_at"] == NOT_SET or any(c["before"] is None or c["after"] is None for c in ordered):
        return ()
    steps = [Step(ordered[0]["before"], None, row["opened_at"], ordered[0].position, True)]
    for change in ordered:
        if change["after"] != steps[-1].state:
            steps.append(Step(change["after"], None, change["at"], change.position, True))
    while len(steps) > 1 and steps[-1].state != row["status"] and steps[-1].position > row.position:
        steps.pop()
    if steps[-1].state != row["status"]:
        steps.append(Step(row["status"], None, _committed(row), row.position, False))
    return tuple(steps)


CASE = Derivation(
    "request_tracker.case", "support", ("case", "case_event"), ("ticket", "custom_field", "history"), _anchors, _case
)
