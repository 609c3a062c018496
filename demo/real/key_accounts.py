"""Tryton and Request Tracker in the scenario of the upgrade: changed by their own interfaces, checked by SQL on their tables."""

from __future__ import annotations

from demo.company import Company
from demo.mid_cycle.customers import Customer
from demo.mid_cycle.systems import BookedLine, Systems
from demo.money import major
from demo.real import systems as real

#: Tryton's module of deferrals: the days by which revenue is recognised, the last one included there
BOOKED = """
SELECT i.state, i.total_amount_cache, l.description, round((l.quantity * l.unit_price)::numeric, 2), d.start_date, d.end_date + 1
FROM account_invoice i JOIN account_invoice_line l ON l.invoice = i.id LEFT JOIN account_invoice_deferred d ON d.invoice_line = l.id
WHERE i.reference = %s AND i.state <> 'cancelled'
"""
LEVEL = """
SELECT v.content FROM objectcustomfieldvalues v JOIN customfields f ON f.id = v.customfield JOIN groups g ON g.id = v.objectid
WHERE f.name = 'Org Entitlement' AND v.objecttype = 'RT::Group' AND v.disabled = 0 AND g.name = %s
"""
#: for what Tryton could not do for now
PATIENT_S = 60.0
#: that of the books and of the mapping
CURRENCIES = ("USD",)


class RealSystems(Systems):
    """ERP and support as their own people and the old integration reach them."""

    books_first = True
    patience_s = 300.0

    def __init__(self, company: Company, systems: real.Systems) -> None:
        super().__init__(company)
        self._real = systems

    def _open_account(self, customer: Customer, name: str) -> None:
        self._real.open_customers([customer.number])
        self._real.open_group(customer.number, "standard")

    def open_case(self, customer: Customer) -> None:
        """A ticket with the account's number and its severity in custom fields."""
        customer.case = f"CASE-{self._real.open_ticket(customer.number, 'production is down', severity=1)}"

    def carry_level(self, customer: Customer) -> None:
        """The group's custom field."""
        self._real.set_group(customer.number, "Org Entitlement", "support:enterprise")

    def carry_invoice(self, customer: Customer, periods: bool = True, off_minor: int = 0) -> None:
        """A posted document of lines that Tryton can defer."""
        (text, charge), unused = customer.lines
        lines = [(name, f"{major(n, customer.currency)}") for name, n in ((text, charge + off_minor), unused)]
        period = (customer.today, customer.ends()) if periods else None
        self._real.book_service(customer.number, customer.invoice, lines, period)

    def close_books(self) -> None:
        """Tryton's period of today; no draft move is in it."""
        self._real.close_period()

    def open_books(self) -> None:
        """The same period."""
        self._real.reopen_period()

    def booked(self, customer: Customer) -> list[BookedLine]:
        """With the days of each line's deferral, by which Tryton's accountants recognise revenue."""
        return [BookedLine(*row) for row in self._real.rows("tryton", BOOKED, customer.invoice)]

    def level(self, customer: Customer) -> list[str]:
        """The custom field of the account's group."""
        found = self._real.rows("request_tracker", LEVEL, customer.number)
        return [str(row[0]).removeprefix("support:") for row in found]
