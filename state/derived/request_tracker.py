"""Request Tracker: a ticket's severity is a custom field row, its holds are in its history, unset dates are 1970."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from state.folding.derivation import Derivation, Link, Made, Moment, Part, Parts, part_role
from state.role import RoleField, label, optional
from state.values import NOT_SET, instant_ms

_text = RoleField
#: a custom field that says yes or no
_ANSWERS = {"yes": True, "no": False}

PARTS = (
    part_role(
        "support",
        "ticket",
        "case",
        (
            _text("row", "text"),
            label("status", "open", "pending", "resolved", "deleted"),
            optional("subject", "text", personal=True),
            _text("effective", "text"),
            RoleField("service_level", "label", required=False),
            _text("opened_at", "instant"),
            _text("resolved_at", "instant"),
            optional("due_at", "instant"),
        ),
        ("row",),
    ),
    part_role(
        "support",
        "custom_field",
        "case",
        (
            label("kind", "severity", "service_level", "delinquent"),
            _text("of", "text"),
            _text("row", "text"),
            _text("text", "text"),
            label("level"),
            RoleField("delinquent", "label", required=False, labels=frozenset(_ANSWERS)),
            _text("disabled", "integer"),
        ),
        ("row",),
    ),
    part_role(
        "support",
        "history",
        "case",
        (
            _text("ticket", "text"),
            _text("kind", "text"),
            optional("old", "text"),
            optional("new", "text"),
            _text("at", "instant"),
        ),
        ("ticket",),
    ),
)
_TICKET, _GROUP = "RT::Ticket", "RT::Group"
#: statuses in which the clock of a case stands still
_HELD = frozenset(("stalled",))


def value(fields: Sequence[Part], kind: str, of: str) -> Part | None:
    """The custom field row that counts: a change disables one and adds another; of two that a race left, the newer."""
    found = [f for f in fields if f["kind"] == kind and f["of"] == of and not f["disabled"]]
    return found[-1] if found else None


def holds(changes: Sequence[Part]) -> tuple[int, str | None]:
    """(ms in holds that are over, since when it is held now) out of the history of a ticket's status."""
    held_ms, since = 0, None
    for change in sorted(changes, key=lambda one: (one["at"], one.order)):
        if change["new"] in _HELD:
            since = since or change["at"]
        elif since is not None:
            held_ms += (instant_ms(change["at"]) or 0) - (instant_ms(since) or 0)
            since = None
    return held_ms, since


def _case_anchors(part: Part, _parts: Parts) -> Iterable[str | None]:
    if part.kind == "ticket":
        return [part["row"]]
    if part.kind == "history":
        return [part["ticket"]]
    return [part["row"] if part["of"] == _TICKET else None]


def _case(parts: Parts, anchor: str, _moment: Moment) -> Iterator[Made]:
    """A ticket; `effective` is another ticket's number once it was merged into that."""
    row = parts.one("ticket", row=anchor)
    if row is None:
        return
    severity = value(parts.of("custom_field", row=anchor), "severity", _TICKET)
    history = parts.of("history", ticket=anchor)
    held_ms, since = holds([change for change in history if change["kind"] == "Status"])
    known = severity is not None and severity["text"].isascii() and severity["text"].isdigit()
    fields = {
        "status": row["status"],
        "severity": int(severity["text"]) if severity is not None and known else None,
        "subject": row["subject"],
        **{name: None if row[name] == NOT_SET else row[name] for name in ("opened_at", "resolved_at", "due_at")},
        "service_level": row["service_level"],
        "held_ms": held_ms,
        "held_since": since,
        "merged_into": None if row["effective"] in (anchor, "0") else f"CASE-{row['effective']}",
    }
    unmapped = tuple(name for name in ("status", "service_level") if row.unknown(name) and row[name])
    yield Made("case", anchor, f"CASE-{anchor}", fields, unmapped)
    for change in history:
        event = {"case": Link("case", anchor), "kind": change["kind"], "at": change["at"]}
        yield Made("case_event", change.ref[1], change.ref[1], event, (), (change,))


def _entitlement_anchors(part: Part, _parts: Parts) -> Iterable[str | None]:
    return [part["row"] if part["of"] == _GROUP else None]


def _entitlement(parts: Parts, anchor: str, _moment: Moment) -> Iterator[Made]:
    """What support believes the account is entitled to, and whether it is delinquent: fields of its organisation's group."""
    fields = parts.of("custom_field", row=anchor)
    level, standing = value(fields, "service_level", _GROUP), value(fields, "delinquent", _GROUP)
    rows = tuple(row for row in (level, standing) if row is not None)
    if rows:
        shown = {
            "service_level": level and level["level"],
            "delinquent": None if standing is None else _ANSWERS.get(standing["delinquent"]),
        }
        unmapped = tuple(
            name
            for name, row, label_ in (("service_level", level, "level"), ("delinquent", standing, "delinquent"))
            if row is not None and row.unknown(label_)
        )
        yield Made("entitlement", anchor, anchor, shown, unmapped, rows)


DERIVATIONS = (
    Derivation(
        "request_tracker.case",
        "support",
        ("case", "case_event"),
        ("ticket", "custom_field", "history"),
        _case_anchors,
        _case,
    ),
    Derivation(
        "request_tracker.entitlement",
        "support",
        ("entitlement",),
        ("custom_field",),
        _entitlement_anchors,
        _entitlement,
    ),
)
