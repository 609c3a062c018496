"""How the old integration reads and writes the ERP and the support desk: direct SQL, one function a thing carried."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple
from zlib import crc32

from demo.acts.words import CREDIT_RULE, ENTITLEMENT_RULE, INVOICE_RULE, STANDING_RULE, Carry
from demo.book import RANKS, Lines, erp_invoice_value
from demo.company import Connection
from demo.money import text


class Target(NamedTuple):
    """Where a rule's compared value lives: `read` gives its canonical text, `write` makes it the carry's value."""

    system: str
    read: Callable[[Connection, Carry], str | None]
    write: Callable[[Connection, Carry], None]


def carry_customer(erp: Connection, carry: Carry) -> bool:
    """Create the customer if it is not there."""
    name, currency = carry.details
    erp.execute(
        "INSERT INTO customers (code, name, currency) VALUES (%s, %s, %s) ON CONFLICT (code) DO NOTHING",
        (carry.object_id, name, currency),
    )
    return True


def carry_rename(erp: Connection, carry: Carry) -> bool:
    """Rename the customer."""
    erp.execute(
        "UPDATE customers SET name = %s, version = version + 1 WHERE code = %s", (carry.details[0], carry.object_id)
    )
    return True


def carry_forget(erp: Connection, carry: Carry) -> bool:
    """Delete the customer of a deleted account."""
    erp.execute("DELETE FROM customers WHERE code = %s", (carry.object_id,))
    return True


def carry_receipt(erp: Connection, carry: Carry) -> bool:
    """Book the receipt on its invoice; False if the ERP does not have that invoice yet."""
    invoice, amount = carry.details
    done = erp.execute(
        "INSERT INTO receipts (sales_invoice_id, reference, amount, received_on) "
        "SELECT id, %s, %s, current_date FROM sales_invoices WHERE reference = %s ON CONFLICT (reference) DO NOTHING",
        (carry.object_id, amount, invoice),
    )
    return done.rowcount > 0


PLAIN: dict[str, Callable[[Connection, Carry], bool]] = {
    "customer": carry_customer,
    "rename": carry_rename,
    "forget": carry_forget,
    "receipt": carry_receipt,
}


def _invoice(erp: Connection, reference: str) -> tuple[int, str, Lines] | None:
    row = erp.execute("SELECT id, state FROM sales_invoices WHERE reference = %s FOR UPDATE", (reference,)).fetchone()
    if row is None:
        return None
    lines = erp.execute(
        "SELECT description, amount FROM sales_invoice_lines WHERE sales_invoice_id = %s", (row[0],)
    ).fetchall()
    return row[0], row[1], [(description, amount) for description, amount in lines]


def read_invoice(erp: Connection, carry: Carry) -> str | None:
    """State, total and lines of the ERP's invoice."""
    found = _invoice(erp, carry.object_id)
    return None if found is None else erp_invoice_value(found[1], found[2])


def write_invoice(erp: Connection, carry: Carry) -> None:
    """Create the invoice, or change what differs; a row that another writer has just created is left alone."""
    state, code, _, lines = carry.details
    total = sum((amount for _, amount in lines), start=Decimal(0))
    found = _invoice(erp, carry.object_id)
    if found is None:
        row = erp.execute(
            "INSERT INTO sales_invoices (customer_id, reference, state, total, posted_on) "
            "SELECT id, %s, %s, %s, current_date FROM customers WHERE code = %s ON CONFLICT (reference) DO NOTHING RETURNING id",
            (carry.object_id, state, total, code),
        ).fetchone()
        if row:
            _insert_lines(erp, row[0], lines)
        return
    identity, _, present = found
    erp.execute(
        "UPDATE sales_invoices SET state = %s, total = %s, version = version + 1 WHERE id = %s",
        (state, total, identity),
    )
    if sorted(present) != sorted(lines):
        erp.execute("DELETE FROM sales_invoice_lines WHERE sales_invoice_id = %s", (identity,))
        _insert_lines(erp, identity, lines)


def _insert_lines(erp: Connection, identity: int, lines: Lines) -> None:
    for description, amount in lines:
        erp.execute(
            "INSERT INTO sales_invoice_lines (sales_invoice_id, description, amount) VALUES (%s, %s, %s)",
            (identity, description, amount),
        )


def read_credit(erp: Connection, carry: Carry) -> str | None:
    """Amount of the ERP's credit note."""
    row = erp.execute("SELECT amount FROM credit_notes WHERE reference = %s FOR UPDATE", (carry.object_id,)).fetchone()
    return None if row is None else text(row[0])


def write_credit(erp: Connection, carry: Carry) -> None:
    """Create the credit note; one that is already there is left alone."""
    erp.execute(
        "INSERT INTO credit_notes (customer_id, reference, amount, posted_on) "
        "SELECT id, %s, %s, current_date FROM customers WHERE code = %s ON CONFLICT (reference) DO NOTHING",
        (carry.object_id, carry.details[0], carry.account),
    )


FIND = "upper(trim(account_ref)) = %s"


def read_level(support: Connection, carry: Carry) -> str | None:
    """Service level of the account's organization."""
    row = support.execute(
        f"SELECT service_level FROM organizations WHERE {FIND} FOR UPDATE", (carry.account,)
    ).fetchone()
    return None if row is None else str(row[0])


def write_level(support: Connection, carry: Carry) -> None:
    """Set the service level."""
    support.execute(
        f"UPDATE organizations SET service_level = %s, version = version + 1 WHERE {FIND}", (carry.value, carry.account)
    )


def read_standing(support: Connection, carry: Carry) -> str | None:
    """Delinquency flag of the account's organization, 'true' or 'false'."""
    row = support.execute(f"SELECT delinquent FROM organizations WHERE {FIND} FOR UPDATE", (carry.account,)).fetchone()
    return None if row is None else str(row[0]).lower()


def write_standing(support: Connection, carry: Carry) -> None:
    """Set the delinquency flag."""
    support.execute(  # the column's name is a constant
        f"UPDATE organizations SET delinquent = %s, version = version + 1 WHERE {FIND}",
        (carry.value == "true", carry.account),
    )


TARGETS = {
    INVOICE_RULE: Target("erp", read_invoice, write_invoice),
    CREDIT_RULE: Target("erp", read_credit, write_credit),
    ENTITLEMENT_RULE: Target("support", read_level, write_level),
    STANDING_RULE: Target("support", read_standing, write_standing),
}


def falsified(carry: Carry) -> Carry:
    """The carry with a wrong value, chosen by its object's name: another amount, a lost line, a state not reached."""
    choice = crc32(carry.object_id.encode())
    if carry.rule == INVOICE_RULE:
        state, code, currency, lines = carry.details
        if choice % 3 == 0 and len(lines) > 1:
            lines = lines[:-1]
        elif choice % 3 == 1:
            state = "draft"
        else:
            lines = ((lines[0][0], lines[0][1] + 1), *lines[1:])
        return carry._replace(value=erp_invoice_value(state, lines), details=(state, code, currency, lines))
    if carry.rule == CREDIT_RULE:
        amount = carry.details[0] + 1
        return carry._replace(value=text(amount), details=(amount,))
    if carry.rule == STANDING_RULE:
        return carry._replace(value="false" if carry.value == "true" else "true")
    others = [level for level in RANKS if level != carry.value]
    return carry._replace(value=others[choice % len(others)])
