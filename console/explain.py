"""From a document at a target back to the correction that wrote it, who approved it, the intent, and the source rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from connectors.correction_store import CorrectionStore
from connectors.fact_search import FoundRow
from connectors.targets.trace import traced
from console.corrections_view import correction_json, moment, show_correction, show_history
from state.correcting.correction import Correction
from state.correcting.decision import Decision, decision_record, key_of

#: a correction is found by so many digits of its id or idempotency key
DIGITS_MIN = 6
#: (text, account or '' for all) -> rows
Search = Callable[[str, str], list[FoundRow]]


class NothingKnown(Exception):
    """Neither a correction nor a captured row bears this name. Exit code 3."""


class Story(NamedTuple):
    """One correction with everything that led to it."""

    correction: Correction
    intent: dict[str, Any] | None
    decisions: list[Decision]
    history: list[Correction]
    rows: list[FoundRow]


def explain(store: CorrectionStore, search: Search, text: str) -> list[Story]:
    """The corrections behind a document's number, reference, row key, correction id or idempotency key, newest first.

    The trace that a write left at its target may be given as it is there.

    Raises NothingKnown.
    """
    text = traced(text)
    known = list(store.corrections().values())
    found = [one for one in known if _named(one, text)]
    if not found:
        rows = [row for row in search(text, "") if text in map(str, row.values.values()) or not row.values]
        found = [one for one in known if any(_written(one, row) for row in rows)]
        if not found:
            raise NothingKnown(_nothing(text, rows))
    found.sort(key=lambda one: (-(one.first_sent_ms or one.updated_ms), one.id))
    intents = store.intents(frozenset(one.id for one in found))
    return [_story(store, search, one, intents.get(one.id)) for one in found]


def _named(one: Correction, text: str) -> bool:
    if text in (one.intent.object_id, one.intent.target_ref):
        return True
    return len(text) >= DIGITS_MIN and (one.id.startswith(text) or key_of(one).startswith(text))


def _written(one: Correction, row: FoundRow) -> bool:
    """Whether the row is the target's row of the correction, or names the object that it is about."""
    if row.account != one.intent.account_id:
        return False
    return row.key == one.intent.target_ref or one.intent.object_id in map(str, row.values.values())


def _nothing(text: str, rows: Iterable[FoundRow]) -> str:
    where = [f"{row.source} {row.table} {row.key} of {row.account or 'no known account'}" for row in rows]
    if where:
        return f"{text!r} is in {'; '.join(where[:3])}, which no correction has written. Next step: concord account shows it"
    return f"no correction and no captured row bears {text!r}. Next step: look whether its source is captured"


def _story(store: CorrectionStore, search: Search, one: Correction, intent: dict[str, Any] | None) -> Story:
    subjects = frozenset({one.id, one.group} - {None})
    decisions = store.decisions(frozenset(name for name in subjects if name))
    rows = search(one.intent.object_id, one.intent.account_id)
    rows.sort(key=lambda row: (row.source, row.table, row.key))
    return Story(one, intent, decisions, store.history(one.id), rows)


def contributed(story: Story, row: FoundRow) -> bool:
    """Whether the row still is as it was when the difference was found; one that is newer has changed since."""
    position = story.correction.intent.positions.get(row.source)
    return position is not None and row.position <= position


def as_json(stories: list[Story]) -> dict[str, Any]:
    """One JSON object."""
    return {
        "corrections": [
            {
                "correction": correction_json(story.correction),
                "intent": story.intent,
                "decisions": [{**decision_record(one), "bindings": len(one.bindings)} for one in story.decisions],
                "history": [
                    {"at_ms": one.updated_ms, "state": one.state.value, "attempt": one.attempt, "code": one.code}
                    for one in story.history
                ],
                "rows": [
                    {
                        **{name: getattr(row, name) for name in ("source", "table", "key", "position", "time_ms")},
                        "contributed": contributed(story, row),
                    }
                    for row in story.rows
                ],
            }
            for story in stories
        ]
    }


def show(stories: list[Story], console: Console) -> None:
    """Print each correction: before and after, what happened, and the rows that it came from."""
    for story in stories:
        show_correction(story.correction, console)
        show_history(story.history, story.decisions, console)
        for row in story.rows:
            then = "as it was then" if contributed(story, row) else "changed since"
            line = f"  {row.source} {row.table} {row.key} at {row.position}, {moment(row.time_ms)}: {then}"
            console.print(Text(line))
