"""Acts on money: pay in full, in part, in two steps, without success; refund; credit."""

from __future__ import annotations

from demo.acts.scene import Scene, invoice_carry, move_balance, one
from demo.acts.subscribing import insert_credit
from demo.acts.words import Act, Carry, Statement, Transaction
from demo.book import Account, Invoice, Payment, price
from demo.money import major

METHODS = ("card", "transfer", "sepa", "cash")
REASONS = ("goodwill", "duplicate", "outage")
INSERT = "INSERT INTO payments (id, invoice_id, amount_minor, status, method) VALUES (%s, %s, %s, %s, %s)"

ALLOCATE = "INSERT INTO payment_allocations (id, payment_id, invoice_id, amount_minor) VALUES (%s, %s, %s, %s)"


def _payable(scene: Scene) -> tuple[Account, Invoice] | None:
    account = scene.book.some_account(scene.rng, 6)
    found = (
        [invoice for invoice in account.invoices if invoice.status == "open" and invoice.open_amount > 0]
        if account
        else []
    )
    return (account, scene.rng.choice(found)) if account and found else None


def _settle(account: Account, invoice: Invoice, payment: Payment) -> tuple[list[Statement], tuple[Carry, ...]]:
    """Book a succeeded payment: balance, receipt, and the invoice's state once it is paid in full."""
    invoice.payments.append(payment)
    statements = [move_balance(account, -payment.amount)]
    reference = f"PAY-{payment.id}"
    receipt = Carry(
        "receipt", account.number, reference, details=(invoice.number, major(payment.amount, account.currency))
    )
    if invoice.open_amount:
        return statements, (receipt,)
    invoice.status = "paid"
    statements.append(Statement("UPDATE invoices SET status = 'paid' WHERE id = %s", (invoice.id,)))
    return statements, (receipt, invoice_carry(account, invoice, "open"))


def _pay(scene: Scene, kind: str, part: bool) -> Act | None:
    found = _payable(scene)
    if found is None:
        return None
    account, invoice = found
    amount = invoice.open_amount
    if part:
        amount = max(1, amount * scene.rng.randrange(10, 90) // 100)
    payment = Payment(scene.book.next_id("payments"), amount)
    row = Statement(INSERT, (payment.id, invoice.id, amount, "succeeded", scene.rng.choice(METHODS)))
    statements, carries = _settle(account, invoice, payment)
    return one(kind, account, [row, *statements], carries)


def pay(scene: Scene) -> Act | None:
    """Pay an open invoice in full."""
    return _pay(scene, "pay", part=False)


def pay_part(scene: Scene) -> Act | None:
    """Pay a part of an open invoice, which stays open."""
    return _pay(scene, "pay_part", part=True)


def pay_several(scene: Scene) -> Act | None:
    """One payment for two or three open invoices of an account, the last of them perhaps in part."""
    account = scene.book.some_account(scene.rng, 6)
    due = [i for i in account.invoices if i.status == "open" and i.open_amount > 0][:3] if account else []
    if account is None or len(due) < 2:
        return None
    shares = [invoice.open_amount for invoice in due]
    if scene.rng.random() < 0.3:
        shares[-1] = max(1, shares[-1] // 2)
    identity, total = scene.book.next_id("payments"), sum(shares)
    statements = [
        Statement(INSERT, (identity, due[0].id, total, "succeeded", "transfer")),
        move_balance(account, -total),
    ]
    carries = [
        Carry(
            "receipt", account.number, f"PAY-{identity}", details=(due[0].number, major(total, account.currency))
        )  # the ERP's receipts know one invoice
    ]
    for invoice, share in zip(due, shares, strict=True):
        invoice.payments.append(Payment(identity, share, part_of=invoice.id))
        row = (scene.book.next_id("payment_allocations"), identity, invoice.id, share)
        statements.append(Statement(ALLOCATE, row))
        if not invoice.open_amount:
            invoice.status = "paid"
            statements.append(Statement("UPDATE invoices SET status = 'paid' WHERE id = %s", (invoice.id,)))
            carries.append(invoice_carry(account, invoice, "open"))
    return one("pay_several", account, statements, tuple(carries))


def pay_in_steps(scene: Scene) -> Act | None:
    """A payment that is pending in one transaction and succeeds, or fails, in the next."""
    found = _payable(scene)
    if found is None:
        return None
    account, invoice = found
    payment = Payment(scene.book.next_id("payments"), invoice.open_amount)
    pending = Transaction(
        "billing", [Statement(INSERT, (payment.id, invoice.id, payment.amount, "pending", "transfer"))]
    )
    if scene.rng.random() < 0.3:
        failed = Statement("UPDATE payments SET status = 'failed' WHERE id = %s", (payment.id,))
        return Act("pay_fails", account.index, (pending, Transaction("billing", [failed])))
    done = Statement("UPDATE payments SET status = 'succeeded' WHERE id = %s", (payment.id,))
    statements, carries = _settle(account, invoice, payment)
    return Act("pay_in_steps", account.index, (pending, Transaction("billing", [done, *statements], carries)))


def refund(scene: Scene) -> Act | None:
    """Give a part or all of a payment back."""
    account = scene.book.some_account(scene.rng, 6)
    found = [p for i in account.invoices for p in i.payments if p.amount > p.refunded] if account else []
    if account is None or not found:
        return None
    payment = scene.rng.choice(found)
    rest = payment.amount - payment.refunded
    amount = rest if scene.rng.random() < 0.5 else max(1, rest // 2)
    payment.refunded += amount
    statements = [
        Statement(
            "INSERT INTO refunds (id, payment_id, invoice_id, amount_minor, reason) VALUES (%s, %s, %s, %s, %s)",
            (scene.book.next_id("refunds"), payment.id, payment.part_of, amount, scene.rng.choice(REASONS)),
        ),
        move_balance(account, amount),
    ]
    return one("refund", account, statements)


def credit(scene: Scene) -> Act | None:
    """Grant a credit."""
    account = scene.book.some_account(scene.rng, 2)
    if account is None or account.index in scene.book.bare:
        return None
    amount = scene.rng.randrange(1, price("basic"))
    statements, carry = insert_credit(scene, account, amount, "goodwill")
    return one("credit", account, statements, (carry,))
