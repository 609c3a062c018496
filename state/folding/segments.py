"""Which legal entity, region, product line and tenant objects belong to, and an account's totals for each, never mixed.

An object has its own, or else its parent's (a payment that of its invoice, usage that of its subscription), or else its
account's; each of the four by itself. Where no mapping gives any of them nothing is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.billing import OWED, RECURRING
from state.folding.life import PAID
from state.folding.payments import shares
from state.folding.tally import Item, Totals, amounts
from state.model import TableSpec
from state.role import Role, segment_of
from state.roles import FIRST, ROLES, Fact, Ref

NAMES: Final = ("legal_entity", "region", "product_line", "tenant")
#: the field of an object that refers to its parent
_PARENT: Final = {"usage": "subscription", "payment": "invoice", "refund": "payment", "credit": "invoice"}
_SYSTEM: Final = {"case": "support"}


class Segment(NamedTuple):
    """None is not known, or not divided so."""

    legal_entity: str | None
    region: str | None
    product_line: str | None
    tenant: str | None = None


NOWHERE: Final = Segment(None, None, None)
#: totals of an account, by currency and segment
Sums = Mapping[tuple[str, Segment], Totals]
#: where an object adds, and what
Share = tuple[tuple[str, Segment], dict[str, int]]


_REF_INVOICE: Final = ROLES["billing", "refund"].index("invoice")
_ACCOUNT: Final = tuple(ROLES["billing", "account"].index(name) for name in NAMES)


class Segments:
    """Looks segments up; keeps the sums of accounts (`Account.parted`) as their objects change."""

    def __init__(self, tables: tuple[TableSpec, ...], units: Units) -> None:
        self._units = units
        self._roles = [table.object.role if table.object else None for table in tables]
        #: whether any mapping says something of segments
        said = frozenset[str]().union(*map(_says, tables))
        self.used = bool(said)
        #: how many of the names are looked for; the last one, the tenant, only where a mapping gives it
        self._looked_for = len(NAMES) if NAMES[-1] in said else len(NAMES) - 1

    def own(self, account: Account) -> Segment:
        """That of the account itself."""
        item = account.items.get(("account", account.id))
        if item is None or item.billing is None:
            return NOWHERE
        fact = account.rows[item.billing]
        return Segment(*[fact[place] for place in _ACCOUNT])

    def of(self, account: Account, item: Item) -> Segment:
        """That of an object, by the row of the system that owns it."""
        ref = item.support if _SYSTEM.get(item.kind) else item.billing
        return self._of_row(account, ref) if ref is not None else self.own(account)

    def _of_row(self, account: Account, ref: Ref, invoice: Ref | None = None) -> Segment:
        """`invoice`: the one that a payment or refund is looked at for, where its payment is for several."""
        found: list[str | None] = [None] * self._looked_for
        row: Ref | None = ref
        while row is not None and (fact := account.rows.get(row)) is not None and None in found:
            if (role := self._roles[row[0]]) is None:
                break
            said = segment_of(role, fact) or NOWHERE
            found = [have if have is not None else given for have, given in zip(found, said, strict=False)]
            if role.object == "refund" and fact[_REF_INVOICE] is not None:
                invoice = fact[_REF_INVOICE]
            if role.object == "payment" and role.system == "billing" and (invoice is not None or row in account.splits):
                row = invoice or account.splits[row].only
            else:
                row = self._parent(role, fact)
        own = self.own(account) if None in found else NOWHERE
        return Segment(*[have if have is not None else given for have, given in zip(found, own, strict=False)])

    @staticmethod
    def _parent(role: Role, fact: Fact) -> Ref | None:
        name = _PARENT.get(role.object) if role.system == "billing" else None
        parent: Ref | None = fact[role.index(name)] if name is not None else None
        return parent

    def spread(self, account: Account, clock_ms: int) -> None:
        """Every object of an account may show that of its account: they are touched when it changes."""
        own = self.own(account)
        if own != account.segment:
            account.segment = own
            for key in [*account.items, ("entitlement", account.id)]:
                account.dirty.setdefault(key, account.touched_ms or clock_ms)

    def adopt(self, account: Account) -> None:
        """The account has just been decoded: the sums are those of all its objects."""
        account.segment = self.own(account)
        for key, item in account.items.items():
            self.update(account, key, item)

    def totals(self, account: Account) -> list[dict[str, Any]]:
        """As the account's contract has them, in the order of currency and names."""

        def order(where: tuple[str, Segment]) -> tuple[str, ...]:
            return where[0], *[name or "" for name in where[1]]

        return [
            {"currency": where[0], **where[1]._asdict(), **amounts(account.parted[where])}
            for where in sorted(account.parted, key=order)
        ]

    def update(self, account: Account, key: tuple[str, str], item: Item | None) -> None:
        """Take back what an object added to the sums, and add what it adds now."""
        for share in account.shares.get(key, ()):
            self._add(account, *share, -1)
        account.drop("shares", key)
        shares = [] if item is None else self._shares(account, item)
        for share in shares:
            self._add(account, *share, 1)
        if shares:
            account.own("shares")[key] = shares

    @staticmethod
    def _add(account: Account, where: tuple[str, Segment], added: dict[str, int], sign: int) -> None:
        sums = account.own("parted").setdefault(where, Totals())
        for name, amount in added.items():
            setattr(sums, name, getattr(sums, name) + sign * amount)
        if sums.zero:
            account.drop("parted", where)

    def _shares(self, account: Account, item: Item) -> list[Share]:
        """What each billing row of an object adds: further rows of an ambiguous object count as in the account's totals."""
        rows = [item.billing, *((item.extra or {}).get("billing", ()))]
        found = []
        for ref in rows:
            role = ROLES.get(("billing", item.kind))
            if ref is None or role is None or (fact := account.rows.get(ref)) is None:
                continue
            currency = fact[FIRST] or account.currency.get("billing")
            added = self._amounts(account, item.kind, role, ref, fact, currency)
            if currency is not None and item.kind == "payment" and (split := account.splits.get(ref)) is not None:
                for invoice, amount in shares(account, split).items() if split.rows else ():
                    found.append(((currency, self._of_row(account, ref, invoice)), {"paid": amount}))
                    added["paid"] -= amount
            if currency is not None and any(added.values()):
                found.append(((currency, self._of_row(account, ref)), added))
        return found

    def _amounts(
        self, account: Account, kind: str, role: Role, ref: Ref, fact: Fact, currency: str | None
    ) -> dict[str, int]:
        def amount(name: str) -> int:
            return self._units.amount(account, ref, fact[role.index(name)], currency) or 0

        match kind:
            case "invoice":
                tally = account.tallies.get(ref)
                billed = amount("total") if fact[role.index("status")] in OWED else 0
                return {"billed": billed, "open": tally.open if tally else 0}
            case "payment":
                return {"paid": amount("amount") if fact[role.index("status")] == PAID else 0}
            case "refund":
                return {"refunded": amount("amount")}
            case "credit":
                return {"credited": amount("amount")}
            case "subscription":
                return {"mrr": amount("mrr") if fact[role.index("status")] in RECURRING else 0}
        return {}


def _says(table: TableSpec) -> frozenset[str]:
    """The names that the table's mapping gives."""
    if (spec := table.object) is None:
        return frozenset()
    return frozenset(
        one.name for one, given in zip(spec.role.fields, spec.fields, strict=True) if given is not None
    ) & {*NAMES}


def as_record(segment: Segment | None) -> dict[str, Any] | None:
    """As the contracts have it."""
    return None if segment is None or segment == NOWHERE else segment._asdict()
