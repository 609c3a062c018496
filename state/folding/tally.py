"""The parts of an account in memory: its objects, the sums over their children, totals per currency, counts."""

from __future__ import annotations

from decimal import Decimal

from state.roles import Ref

_NOTHING = Decimal(0)


class Item:
    """One canonical object: the row that each system shows of it. `extra` holds further rows of the same system.

    `published`: readers know it, so its end needs a tombstone.
    """

    __slots__ = ("billing", "erp", "extra", "id", "kind", "published", "support")

    def __init__(self, kind: str, identity: str) -> None:
        """A new object without any row."""
        self.kind = kind
        self.id = identity
        self.billing: Ref | None = None
        self.erp: Ref | None = None
        self.support: Ref | None = None
        self.extra: dict[str, list[Ref]] | None = None
        self.published = False

    @property
    def empty(self) -> bool:
        """Whether no system shows the object any more."""
        return self.billing is None and self.erp is None and self.support is None

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


#: stands for the lines of everything that has none, which is almost all
_NO_LINES: dict[Ref, None] = {}


class Tally:
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
        self.days: dict[str, int] = {}
        self.refunded = 0
        self.line_sum = 0
        #: replaced by one of its own when the first line comes
        self.lines: dict[Ref, None] = _NO_LINES
        self.children = 0


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
