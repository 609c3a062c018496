"""Acts on subscriptions: sign up, change the plan in mid-cycle, cancel, come back."""

from __future__ import annotations

from demo.acts.scene import REGIONS, Scene, insert_invoice, invoice_carry, move_balance, one
from demo.acts.words import CREDIT_RULE, Act, Carry, Statement, Transaction
from demo.book import PLANS, Account, Subscription, level_carry, price, standing_carry
from demo.money import major, text

LADDER = tuple(PLANS)
# with immediate effect: the paid period lies behind even a clock that is an hour late
CANCEL = "UPDATE subscriptions SET status = 'cancelled', paid_until = now() - interval '1 hour' WHERE id = %s"


def insert_subscription(scene: Scene, account: Account, plan: str, status: str = "active") -> Statement:
    """Row of a new subscription, added to the account."""
    subscription = Subscription(scene.book.next_id("subscriptions"), plan, status, price(plan))
    account.subscriptions.append(subscription)
    return Statement(
        "INSERT INTO subscriptions (id, account_id, plan_code, status, mrr_minor, started_on, paid_until) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (subscription.id, account.id, plan, status, subscription.mrr, scene.today, scene.paid_until()),
    )


def reference_as_typed(scene: Scene, number: str) -> str:
    """The account number as support staff type it: case and blanks differ."""
    return scene.rng.choice((number, number.lower(), f" {number} ", f" {number.lower()}", number))


def account_rows(scene: Scene, account: Account) -> tuple[Statement, Statement]:
    """Rows of a new account: billing's, and support's organization."""
    billing = Statement(
        "INSERT INTO accounts (id, number, name, currency, region) VALUES (%s, %s, %s, %s, %s)",
        (account.id, account.number, account.name, account.currency, scene.rng.choice(REGIONS)),
    )
    support = Statement(
        "INSERT INTO organizations (id, name, account_ref) VALUES (%s, %s, %s)",
        (account.organization, account.name, reference_as_typed(scene, account.number)),
    )
    return billing, support


def sign_up(scene: Scene) -> Act:
    """A new account; most take a plan and get a first invoice, some stay bare, some were known to support before."""
    account = scene.book.open_account(scene.rng, scene.company_name())
    row, organization = account_rows(scene, account)
    carries: tuple[Carry, ...] = (
        Carry("customer", account.number, account.number, details=(account.name, account.currency)),
    )
    statements = [row]
    if scene.rng.random() < 0.2:
        scene.book.bare.append(account.index)
    else:
        plan = scene.rng.choice(LADDER)
        statements.append(insert_subscription(scene, account, plan))
        invoice = scene.book.new_invoice("open", [(f"{plan} plan, first month", price(plan))])
        statements += insert_invoice(scene, account, invoice)
        carries += (invoice_carry(account, invoice, "draft"), *level_carry(account, "none"))
    billing, support = Transaction("billing", statements, carries), Transaction("support", [organization])
    # the integration carries after the last transaction, when the organization is there to be updated
    if scene.rng.random() < 0.15:
        return Act("sign_up", account.index, (support, billing))
    return Act("sign_up", account.index, (billing._replace(carries=()), support._replace(carries=carries)))


def _live(account: Account) -> Subscription | None:
    return next((s for s in account.subscriptions if s.status == "active"), None)


def upgrade(scene: Scene) -> Act | None:
    """A dearer plan in mid-cycle: the unused part of the old price is taken off the rest of the new one."""
    account = scene.book.some_account(scene.rng, 4)
    subscription = _live(account) if account else None
    if account is None or subscription is None or subscription.plan == LADDER[-1]:
        return None
    was, old = account.level, subscription.plan
    plan = scene.rng.choice(LADDER[LADDER.index(old) + 1 :])
    days = scene.rng.randrange(1, 30)
    unused = subscription.mrr * days // 30
    subscription.plan, subscription.mrr = plan, price(plan)
    lines = [
        (f"{plan} plan, {days} of 30 days", subscription.mrr * days // 30),
        (f"unused time of {old} plan", -unused),
    ]
    invoice = scene.book.new_invoice("open", lines)
    statements = [
        Statement(
            "UPDATE subscriptions SET plan_code = %s, mrr_minor = %s WHERE id = %s",
            (plan, subscription.mrr, subscription.id),
        ),
        *insert_invoice(scene, account, invoice),
    ]
    return one("upgrade", account, statements, (invoice_carry(account, invoice, "draft"), *level_carry(account, was)))


def downgrade(scene: Scene) -> Act | None:
    """A cheaper plan in mid-cycle: the difference of the unused time is credited."""
    account = scene.book.some_account(scene.rng, 4)
    subscription = _live(account) if account else None
    if account is None or subscription is None or subscription.plan == LADDER[0]:
        return None
    was = account.level
    plan = scene.rng.choice(LADDER[: LADDER.index(subscription.plan)])
    amount = max(1, (subscription.mrr - price(plan)) * scene.rng.randrange(1, 30) // 30)
    subscription.plan, subscription.mrr = plan, price(plan)
    statement = Statement(
        "UPDATE subscriptions SET plan_code = %s, mrr_minor = %s WHERE id = %s",
        (plan, subscription.mrr, subscription.id),
    )
    rows, carry = insert_credit(scene, account, amount, "downgrade in mid-cycle")
    return one("downgrade", account, [statement, *rows], (carry, *level_carry(account, was)))


def insert_credit(scene: Scene, account: Account, amount: int, reason: str) -> tuple[list[Statement], Carry]:
    """Rows of a credit, which lowers the balance, and its carry to the ERP."""
    identity = scene.book.next_id("credits")
    number = f"CR-{identity:06d}"
    value = major(amount, account.currency)
    statements = [
        Statement(
            "INSERT INTO credits (id, account_id, number, amount_minor, reason) VALUES (%s, %s, %s, %s, %s)",
            (identity, account.id, number, amount, reason),
        ),
        move_balance(account, -amount),
    ]
    return statements, Carry("credit", account.number, number, CREDIT_RULE, None, text(value), (value,))


def cancel(scene: Scene) -> Act | None:
    """End one subscription; an account that has no other and owes nothing is closed."""
    account = scene.book.some_account(scene.rng, 4)
    live = [s for s in account.subscriptions if s.status != "cancelled"] if account else []
    if account is None or not live:
        return None
    was, standing = account.level, account.standing
    subscription = scene.rng.choice(live)
    subscription.status = "cancelled"
    statements = [Statement(CANCEL, (subscription.id,))]
    if len(live) == 1 and account.balance == 0:
        account.standing = "closed"
        statements.append(Statement("UPDATE accounts SET standing = 'closed' WHERE id = %s", (account.id,)))
    return one("cancel", account, statements, (*level_carry(account, was), *standing_carry(account, standing)))


def come_back(scene: Scene) -> Act | None:
    """An account without a live subscription takes a plan again, or one that has a plan takes a second."""
    account = scene.book.some_account(scene.rng, 4)
    if account is None or len(account.subscriptions) > 4 or account.index in scene.book.bare:
        return None
    was, standing = account.level, account.standing
    statements = [insert_subscription(scene, account, scene.rng.choice(LADDER), scene.rng.choice(("active", "trial")))]
    if account.standing == "closed":
        account.standing = "good"
        statements.append(Statement("UPDATE accounts SET standing = 'good' WHERE id = %s", (account.id,)))
    return one("come_back", account, statements, (*level_carry(account, was), *standing_carry(account, standing)))
