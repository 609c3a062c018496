"""Chooses the next act by seeded chance, and which of its carries the old integration will get wrong.

Pure: the same seed, day and number of accounts give the same acts, whatever the databases do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from random import Random

from demo.acts import invoicing, keeping, paying, subscribing, supporting
from demo.acts.scene import Scene, erp_state, invoice_carry
from demo.acts.words import CREDIT_RULE, ENTITLEMENT_RULE, INVOICE_RULE, STANDING_RULE, Act, Carry, Transaction
from demo.book import Account, Book

WEIGHTS: dict[Callable[[Scene], Act | None], int] = {
    subscribing.sign_up: 5,
    subscribing.upgrade: 6,
    subscribing.downgrade: 3,
    subscribing.cancel: 2,
    subscribing.come_back: 3,
    invoicing.issue: 12,
    invoicing.draft: 5,
    invoicing.issue_draft: 4,
    invoicing.delete_draft: 2,
    invoicing.void: 2,
    paying.pay: 14,
    paying.pay_part: 5,
    paying.pay_several: 3,
    paying.pay_in_steps: 4,
    paying.refund: 3,
    paying.credit: 3,
    keeping.rename: 2,
    keeping.fall_behind: 3,
    keeping.recover: 3,
    keeping.delete_account: 1,
    keeping.use: 12,
    keeping.use_much: 1,
    keeping.change_mind: 1,
    supporting.open_case: 6,
    supporting.raise_case: 4,
    supporting.resolve_case: 5,
}
FAULTS = {  # each with its chance; a late carry may or may not be found, so it is the rare one
    INVOICE_RULE: {"drop": 3, "falsify": 3, "delay": 2, "late": 1},
    CREDIT_RULE: {"drop": 3, "falsify": 3, "delay": 2, "late": 1},
    ENTITLEMENT_RULE: {"drop": 3, "falsify": 3, "delay": 2, "late": 1},
    STANDING_RULE: {"drop": 3, "delay": 2, "late": 1},
}
MEDDLING = 0.1  # edits by hand per act, as a part of the drift share


@dataclass(slots=True)
class Planner:
    """An endless source of acts.

    `drift_share` is the share of compared carries that go wrong; for every four of them, about one edit by hand at a
    target joins in. Planned drift is what the integration is told to do; what came of it is in the ledger.
    """

    seed: int
    today: date
    drift_share: float = 0.0
    book: Book = field(default_factory=Book)
    _rng: Random = field(init=False)
    _faults: Random = field(init=False)

    def __post_init__(self) -> None:
        """Two sources of chance, so that another drift share leaves the acts as they are."""
        self._rng = Random(self.seed)
        self._faults = Random(self.seed + 1)

    @property
    def scene(self) -> Scene:
        """What acts are planned on."""
        return Scene(self.book, self._rng, self.today)

    def next(self) -> Act:
        """The next act; always finds one, as signing up is always possible."""
        scene = self.scene
        while True:
            (choice,) = self._rng.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))
            act = choice(scene)
            if act is not None:
                return self._with_faults(act)

    def meddling(self) -> Act | None:
        """Somebody edits a compared value at the target by hand, without any act in billing; None most of the time."""
        if self._faults.random() >= self.drift_share * MEDDLING:
            return None
        account = self.book.some_account(self._faults, 4)
        if account is None:
            return None
        carry = self._edited(account)
        return Act("meddle", account.index, (Transaction("", (), (carry,)),)) if carry else None

    def _edited(self, account: Account) -> Carry | None:
        found = [i for i in account.invoices if erp_state(i.status)]
        if found and self._faults.random() < 0.5:
            invoice = self._faults.choice(found)
            self.book.faulted.add(invoice.number)
            return invoice_carry(account, invoice, invoice.status)._replace(fault="falsify")
        level = account.level
        return Carry("level", account.number, account.number, ENTITLEMENT_RULE, level, level, fault="falsify")

    def _with_faults(self, act: Act) -> Act:
        if not any(carry.rule for transaction in act.transactions for carry in transaction.carries):
            return act
        return act._replace(
            transactions=tuple(
                t._replace(carries=tuple(self._with_fault(c) for c in t.carries)) for t in act.transactions
            )
        )

    def _with_fault(self, carry: Carry) -> Carry:
        if not carry.rule or self._faults.random() >= self.drift_share:
            return carry
        kinds = FAULTS[carry.rule]
        if carry.was is not None and carry.rule == INVOICE_RULE:
            kinds = FAULTS[STANDING_RULE]  # a state that was reached is carried or not; nothing else is falsified
        self.book.faulted.add(carry.object_id)
        (fault,) = self._faults.choices(tuple(kinds), tuple(kinds.values()))
        return carry._replace(fault=fault)
