"""Acts on the account itself: rename, dunning, deletion; and acts that leave no trace or touch many rows."""

from __future__ import annotations

from demo.acts.scene import Scene, move_balance, one
from demo.acts.words import Act, Carry, Statement, Transaction
from demo.book import Account, standing_carry

USAGE = "INSERT INTO usage (id, subscription_id, metric, quantity, used_at) VALUES (%s, %s, %s, %s, now())"


def rename(scene: Scene) -> Act | None:
    """A new company name, in billing and, carried, in the ERP; support keeps what its staff typed."""
    account = scene.book.some_account(scene.rng)
    if account is None:
        return None
    account.name = scene.company_name()
    statements = [Statement("UPDATE accounts SET name = %s WHERE id = %s", (account.name, account.id))]
    return Act(
        "rename",
        account.index,
        (
            Transaction(
                "billing", statements, (Carry("rename", account.number, account.number, details=(account.name,)),)
            ),
        ),
    )


def _standing(scene: Scene, kind: str, account: Account, to: str) -> Act:
    was, account.standing = account.standing, to
    statements = [Statement("UPDATE accounts SET standing = %s WHERE id = %s", (to, account.id))]
    return one(kind, account, statements, standing_carry(account, was))


def fall_behind(scene: Scene) -> Act | None:
    """An account that owes money becomes delinquent."""
    account = scene.book.some_account(scene.rng, 6)
    if account is None or account.standing != "good" or account.balance <= 0:
        return None
    return _standing(scene, "fall_behind", account, "delinquent")


def recover(scene: Scene) -> Act | None:
    """A delinquent account is in good standing again."""
    account = next(
        (a for a in (scene.book.some_account(scene.rng) for _ in range(20)) if a and a.standing == "delinquent"), None
    )
    return None if account is None else _standing(scene, "recover", account, "good")


def delete_account(scene: Scene) -> Act | None:
    """Delete an account that never had anything, with its organization and, carried, its ERP customer."""
    bare = scene.book.bare
    if not bare:
        return None
    index = bare.pop(scene.rng.randrange(len(bare)))
    account = scene.book.accounts[index]
    scene.book.gone.add(index)
    support = Transaction("support", [Statement("DELETE FROM organizations WHERE id = %s", (account.organization,))])
    forget = Carry("forget", account.number, account.number)
    billing = Transaction("billing", [Statement("DELETE FROM accounts WHERE id = %s", (account.id,))], (forget,))
    return Act("delete_account", index, (support, billing))


def _subscription(scene: Scene, account: Account | None) -> int | None:
    live = [s.id for s in account.subscriptions if s.status != "cancelled"] if account else []
    return scene.rng.choice(live) if live else None


def _usage_row(scene: Scene, subscription: int) -> Statement:
    metric = scene.rng.choice(("api_calls", "storage_gb", "seats"))
    quantity = scene.rng.choice(
        (str(scene.rng.randrange(10_000)), f"{scene.rng.randrange(10**6)}.{scene.rng.randrange(10**9):09d}")
    )
    return Statement(USAGE, (scene.book.next_id("usage"), subscription, metric, quantity))


def use(scene: Scene) -> Act | None:
    """One usage record; quantities are numeric without a scale."""
    account = scene.book.some_account(scene.rng, 2)
    subscription = _subscription(scene, account)
    return None if account is None or subscription is None else one("use", account, [_usage_row(scene, subscription)])


def use_much(scene: Scene) -> Act | None:
    """A meter's upload: two hundred usage records in one transaction."""
    account = scene.book.some_account(scene.rng, 2)
    subscription = _subscription(scene, account)
    if account is None or subscription is None:
        return None
    return one("use_much", account, [_usage_row(scene, subscription) for _ in range(200)])


def change_mind(scene: Scene) -> Act | None:
    """A transaction that is rolled back, and one with a rolled back savepoint in it: neither may ever be seen."""
    account = scene.book.some_account(scene.rng, 2)
    if account is None:
        return None
    invoice = scene.book.next_id("invoices")
    doomed = [
        Statement(
            "INSERT INTO invoices (id, account_id, number, status, total_minor, issued_on, due_on) VALUES (%s, %s, %s, 'open', 1, %s, %s)",
            (invoice, account.id, f"INV-{invoice:07d}", scene.today, scene.today),
        ),
        Statement("UPDATE accounts SET balance_minor = balance_minor + 1 WHERE id = %s", (account.id,)),
    ]
    partly = [
        Statement("SAVEPOINT doubt", ()),
        *doomed,
        Statement("ROLLBACK TO SAVEPOINT doubt", ()),
        move_balance(account, 0),
    ]
    return Act(
        "change_mind", account.index, (Transaction("billing", doomed, commit=False), Transaction("billing", partly))
    )
