"""What a payment pays: the invoices in its record, and the words for rows that divide more than there is."""

from __future__ import annotations

from state.folding.account import Account
from state.folding.payments import shares
from state.folding.tally import Item, Split
from state.model import TableSpec
from state.roles import POSITION, ROLES, TIME_MS, Ref
from state.viewing.facets import Record, id_of

_STATUS = ROLES["billing", "payment"].index("status")
_ROW_STATUS = ROLES["billing", "allocation"].index("status")
_PAYMENT = ROLES["billing", "refund"].index("payment")


def paid_invoices(account: Account, split: Split) -> list[Record]:
    """The invoices that a divided payment pays, in the order of their ids; those that are not known (yet) are left out."""
    paid: dict[str, int] = {}
    for ref, amount in shares(account, split).items():
        name = id_of(account, ref)
        if name is not None:
            paid[name] = paid.get(name, 0) + amount
    return [{"invoice": name, "amount_minor": amount} for name, amount in sorted(paid.items()) if amount]


def rows_text(account: Account, tables: tuple[TableSpec, ...], item: Item) -> str:
    """For a payment whose rows divide more than it pays: how much of which currency, by which rows."""
    assert item.billing is not None
    split = account.splits[item.billing]
    rows = ", ".join(_row(tables, ref) for ref in _sorted(split))
    return (
        f"payment {item.id} ({_row(tables, item.billing)}) pays {split.paid} minor units of {split.currency}, and {rows} divide "
        f"{split.allocated} of it among invoices; the view shows what they say. Next step: correct the rows, or the payment"
    )


def refunded_text(account: Account, tables: tuple[TableSpec, ...], item: Item) -> str:
    """For a refund that does not say of which of several invoices it is."""
    assert item.billing is not None
    payer: Ref = account.rows[item.billing][_PAYMENT]
    names = sorted(filter(None, (id_of(account, ref) for ref in account.splits[payer].invoices)))
    return (
        f"refund {item.id} ({_row(tables, item.billing)}) gives back money of payment {id_of(account, payer)}, which pays "
        f"{', '.join(names)}, and does not say of which; it is taken off none of them. Next step: map the refund's `invoice`, or "
        f"let the source write a reversal for the invoice"
    )


def split_facts(account: Account, tables: tuple[TableSpec, ...], payer: Ref) -> list[Record]:
    """The payment's row and the rows that divide it, the older ones first."""
    refs = [payer, *_sorted(account.splits[payer])]
    found = [
        {
            "topic": tables[ref[0]].topic,
            "row": ref[1],
            "state": account.rows[ref][_STATUS if ref == payer else _ROW_STATUS],
            "position": account.rows[ref][POSITION],
            "time_ms": account.rows[ref][TIME_MS],
        }
        for ref in refs
    ]
    return sorted(found, key=lambda fact: fact["position"])


def _sorted(split: Split) -> list[Ref]:
    return sorted(split.rows, key=lambda ref: (ref[0], len(ref[1]), ref[1]))


def _row(tables: tuple[TableSpec, ...], ref: Ref) -> str:
    return f"row {ref[1]} of {tables[ref[0]].topic}"
