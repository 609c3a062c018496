"""The parts of an account in memory: its objects, the sums over their children, totals per currency, counts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from state.roles import Ref
from state.sparse import NOTHING, Sparse

if TYPE_CHECKING:
    from state.model import TableSpec

_NOTHING = Decimal(0)


class Item:
    """One canonical object: the row that each system shows of it. `extra` holds further rows of the same system.

    `published`: readers know it, so its end needs a tombstone.
    """

    __slots__ = ("billing", "crm", "erp", "extra", "id", "kind", "published", "support")

    def __init__(self, kind: str, identity: str) -> None:
        """A new object without any row."""
        self.kind = kind
        self.id = identity
        self.billing: Ref | None = None
        self.erp: Ref | None = None
        self.support: Ref | None = None
        self.crm: Ref | None = None
        self.extra: dict[str, list[Ref]] | None = None
        self.published = False

    @property
    def empty(self) -> bool:
        """Whether no system shows the object any more."""
        return self.billing is None and self.erp is None and self.support is None and self.crm is None

    @property
    def refs(self) -> list[Ref]:
        """The rows that count, one a system at most."""
        return [ref for ref in (self.billing, self.erp, self.support, self.crm) if ref is not None]

    def shows(self, system: str, ref: Ref) -> bool:
        """Whether the row is attached, as the one that counts or a further one."""
        return getattr(self, system) == ref or (self.extra is not None and ref in self.extra.get(system, ()))

    def attach(self, system: str, ref: Ref) -> None:
        """A row of `system` shows this object; of several the smallest key is the one that counts."""
        current: Ref | None = getattr(self, system)
        if current is None:
            setattr(self, system, ref)
            return
        if self.extra is None:
            self.extra = {}
        refs = sorted([*self.extra.get(system, ()), current, ref])
        setattr(self, system, refs[0])
        self.extra[system] = refs[1:]

    def detach(self, system: str, ref: Ref) -> None:
        """The row no longer shows this object."""
        others = self.extra.get(system) if self.extra else None
        if not others or self.extra is None:
            setattr(self, system, None)
            return
        refs = sorted({*others, getattr(self, system)} - {ref})
        setattr(self, system, refs[0])
        self.extra[system] = refs[1:]
        if not any(self.extra.values()):
            self.extra = None


class Tally(Sparse):
    """Running sums over the children of one row (an invoice's lines and payments, a payment's refunds), minor units.

    It exists as soon as a child or the row itself does, so that children may come first.
    """

    __slots__ = (
        "applied",
        "booked",
        "children",
        "currency",
        "days",
        "due",
        "item",
        "line_sum",
        "lines",
        "loose",
        "open",
        "paid",
        "parent",
        "refunded",
    )

    def __init__(self) -> None:
        """Nothing summed yet."""
        self.item: Item | None = None
        self.parent: Ref | None = None
        self.currency: str | None = None
        self.due: int | None = None
        self.open = 0
        self.paid = 0
        #: credits taken off this invoice
        self.applied = 0
        #: what its payments were booked at: sum of minor units times rate; unknown without rates
        self.booked = _NOTHING
        #: local days of a subscription's usage, with how many records each has
        self.days: Mapping[str, int] = NOTHING
        self.refunded = 0
        #: of a payment: refunds that name no invoice themselves; they are taken for those of `parent`
        self.loose = 0
        self.line_sum = 0
        self.lines: Mapping[Ref, None] = NOTHING
        self.children = 0


class Split:
    """How a payment is divided by rows that name it and an invoice (`allocation`), minor units.

    Only payments of a table that such rows refer to have one. It exists as soon as a row or the payment itself does.
    """

    __slots__ = ("allocated", "currency", "invoices", "item", "own", "paid", "rows")

    def __init__(self) -> None:
        """Neither payment nor rows yet."""
        #: the payment, while its row is there
        self.item: Item | None = None
        self.currency: str | None = None
        #: the invoice that the payment's own row names
        self.own: Ref | None = None
        #: None while it pays nothing: not there, pending, failed, taken back
        self.paid: int | None = None
        self.rows: dict[Ref, TableSpec] = {}
        #: what the rows divide of what is paid
        self.allocated = 0
        #: invoices of the rows that count, with how many each has
        self.invoices: dict[Ref, int] = {}

    @property
    def only(self) -> Ref | None:
        """The one invoice that it is for; None where there are several."""
        if not self.invoices:
            return self.own
        return next(iter(self.invoices)) if len(self.invoices) == 1 else None

    @property
    def exceeded(self) -> bool:
        """Whether its rows divide more than it pays."""
        return self.paid is not None and self.allocated > self.paid


class Totals:
    """Running totals of one account in one currency, minor units."""

    __slots__ = ("billed", "credited", "mrr", "open", "paid", "refunded")

    def __init__(self) -> None:
        """All zero."""
        self.billed = self.paid = self.refunded = self.credited = self.open = self.mrr = 0

    @property
    def balance(self) -> int:
        """What the customer owes: billed - paid + refunded - credited."""
        return self.billed - self.paid + self.refunded - self.credited

    @property
    def zero(self) -> bool:
        """Whether nothing is left in this currency."""
        return not (self.billed or self.paid or self.refunded or self.credited or self.open or self.mrr)


def amounts(total: Totals) -> dict[str, int]:
    """Totals in one currency, minor units."""
    balance = total.balance
    return {
        "billed_minor": total.billed,
        "paid_minor": total.paid,
        "refunded_minor": total.refunded,
        "credited_minor": total.credited,
        "balance_minor": balance,
        "open_minor": total.open,
        "account_credit_minor": max(0, total.open - balance),
        "mrr_minor": total.mrr,
    }


class Counts:
    """How many objects of each kind the account has."""

    __slots__ = (
        "cases",
        "cases_open",
        "credits",
        "invoices",
        "invoices_open",
        "payments",
        "subscriptions",
        "unmapped",
        "usages",
    )

    def __init__(self) -> None:
        """All zero."""
        self.subscriptions = self.usages = self.invoices = self.invoices_open = 0
        self.payments = self.credits = self.cases = self.cases_open = 0
        #: subscriptions with a status or tier that the mapping does not know
        self.unmapped = 0
