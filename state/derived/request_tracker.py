"""Request Tracker: rows that cases and entitlements are made of. What a customer is entitled to are fields of its group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from state.derived.request_tracker_cases import CASE, value
from state.folding.derivation import Derivation, Made, Moment, Part, Parts, part_role
from state.role import RoleField, label, optional

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
        ("row", "effective"),
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
            optional("field", "text"),
            # the same two as statuses of a case, for rows that change the status
            RoleField("before", "label", required=False),
            RoleField("after", "label", required=False),
        ),
        ("ticket",),
    ),
)
_GROUP = "RT::Group"


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
    CASE,
    Derivation(
        "request_tracker.entitlement",
        "support",
        ("entitlement",),
        ("custom_field",),
        _entitlement_anchors,
        _entitlement,
    ),
)
