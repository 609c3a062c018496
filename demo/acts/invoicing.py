"""Acts on invoices: issue, draft, issue or delete a draft, void."""

from __future__ import annotations

from demo.acts.scene import Scene, insert_invoice, invoice_carry, move_balance, one
from demo.acts.words import Act, Statement
from demo.book import Account, Invoice, price


def renewal_lines(scene: Scene, account: Account) -> list[tuple[str, int]]:
    """Lines of a monthly invoice: one per live subscription, and usage now and then."""
    lines = [(f"{s.plan} plan, monthly", s.mrr) for s in account.subscriptions if s.status != "cancelled"]
    if scene.rng.random() < 0.3:
        lines.append(("usage above the plan", scene.rng.randrange(1, price("basic"))))
    return lines


def _billable(scene: Scene) -> tuple[Account, list[tuple[str, int]]] | None:
    account = scene.book.some_account(scene.rng, 4)
    if account is None or account.index in scene.book.bare:
        return None
    lines = renewal_lines(scene, account)
    return (account, lines) if lines else None


def issue(scene: Scene) -> Act | None:
    """A monthly invoice, open at once."""
    found = _billable(scene)
    if found is None:
        return None
    account, lines = found
    invoice = scene.book.new_invoice("open", lines)
    return one("issue", account, insert_invoice(scene, account, invoice), (invoice_carry(account, invoice, "draft"),))


def draft(scene: Scene) -> Act | None:
    """An invoice that is not issued yet: no balance, nothing in the ERP."""
    found = _billable(scene)
    if found is None:
        return None
    account, lines = found
    invoice = scene.book.new_invoice("draft", lines)
    scene.book.drafts.append((account.index, invoice))
    return one("draft", account, insert_invoice(scene, account, invoice))


def _take_draft(scene: Scene) -> tuple[Account, Invoice] | None:
    drafts = scene.book.drafts
    if not drafts:
        return None
    index, invoice = drafts.pop(scene.rng.randrange(len(drafts)))
    return scene.book.accounts[index], invoice


def issue_draft(scene: Scene) -> Act | None:
    """A draft gets a last line and becomes open."""
    taken = _take_draft(scene)
    if taken is None:
        return None
    account, invoice = taken
    invoice.status = "open"
    fee = scene.rng.randrange(1, price("basic"))
    invoice.lines.append(("set-up", fee))
    statements = [
        Statement(
            "INSERT INTO invoice_lines (id, invoice_id, description, amount_minor) VALUES (%s, %s, %s, %s)",
            (scene.book.next_id("invoice_lines"), invoice.id, "set-up", fee),
        ),
        Statement("UPDATE invoices SET status = 'open', total_minor = %s WHERE id = %s", (invoice.total, invoice.id)),
        move_balance(account, invoice.total),
    ]
    return one("issue_draft", account, statements, (invoice_carry(account, invoice, "draft"),))


def delete_draft(scene: Scene) -> Act | None:
    """A draft is thrown away with its lines."""
    taken = _take_draft(scene)
    if taken is None:
        return None
    account, invoice = taken
    account.invoices.remove(invoice)
    return one("delete_draft", account, [Statement("DELETE FROM invoices WHERE id = %s", (invoice.id,))])


def void(scene: Scene) -> Act | None:
    """An open invoice without payments is void. Never one that was carried wrong: what the ERP should show would be arguable."""
    account = scene.book.some_account(scene.rng, 4)
    found = (
        [i for i in account.invoices if i.status == "open" and not i.payments and i.number not in scene.book.faulted]
        if account
        else []
    )
    if account is None or not found:
        return None
    invoice = scene.rng.choice(found)
    invoice.status = "void"
    statements = [
        Statement("UPDATE invoices SET status = 'void' WHERE id = %s", (invoice.id,)),
        move_balance(account, -invoice.total),
    ]
    account.invoices.remove(invoice)
    return one("void", account, statements, (invoice_carry(account, invoice, "open"),))
