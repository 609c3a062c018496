"""Acts of the support desk: open, raise and resolve a case."""

from __future__ import annotations

from demo.acts.scene import Scene
from demo.acts.words import Act, Statement, Transaction
from demo.book import Case

SUBJECTS = ("cannot log in", "invoice looks wrong", "Datenexport hängt", "slow since this morning", "please add a seat")


def _subject(scene: Scene) -> str:
    """A subject; one in fifty is a pasted log of 6 kB, which PostgreSQL stores out of line (TOAST)."""
    subject = scene.rng.choice(SUBJECTS)
    if scene.rng.random() < 0.02:
        return f"{subject}: {scene.rng.randbytes(3000).hex()}"
    return subject


def _event(scene: Scene, case: int, kind: str, note: str) -> Statement:
    return Statement(
        "INSERT INTO case_events (id, case_id, kind, note) VALUES (%s, %s, %s, %s)",
        (scene.book.next_id("case_events"), case, kind, note),
    )


def open_case(scene: Scene) -> Act | None:
    """A customer opens a case."""
    account = scene.book.some_account(scene.rng, 2)
    if account is None or account.index in scene.book.bare:
        return None
    case = Case(scene.book.next_id("cases"), account.index, scene.rng.randrange(1, 5))
    scene.book.cases.append(case)
    row = Statement(
        "INSERT INTO cases (id, organization_id, subject, status, severity) VALUES (%s, %s, %s, 'open', %s)",
        (case.id, account.organization, _subject(scene), case.severity),
    )
    return Act(
        "open_case", account.index, (Transaction("support", [row, _event(scene, case.id, "opened", "by mail")]),)
    )


def raise_case(scene: Scene) -> Act | None:
    """A case gets more severe or waits for the customer."""
    if not scene.book.cases:
        return None
    case = scene.rng.choice(scene.book.cases)
    case.severity = max(1, case.severity - 1)
    status = scene.rng.choice(("open", "pending"))
    row = Statement("UPDATE cases SET severity = %s, status = %s WHERE id = %s", (case.severity, status, case.id))
    return Act(
        "raise_case",
        case.account,
        (Transaction("support", [row, _event(scene, case.id, "raised", f"now {case.severity}")]),),
    )


def resolve_case(scene: Scene) -> Act | None:
    """A case is resolved."""
    if not scene.book.cases:
        return None
    case = scene.book.cases.pop(scene.rng.randrange(len(scene.book.cases)))
    row = Statement("UPDATE cases SET status = 'resolved', resolved_at = now() WHERE id = %s", (case.id,))
    return Act("resolve_case", case.account, (Transaction("support", [row, _event(scene, case.id, "resolved", "")]),))
