"""Opens the books of a fresh Tryton: company, currencies, chart, three years, payment, deferral. Runs in Tryton's Python."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import Any

from proteus import Model, config
from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, get_accounts
from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
from trytond.modules.company.tests.tools import create_company, get_company

#: code -> (name, decimals, units of it for one of the company's currency); the first one is the company's
CURRENCIES = {
    "USD": ("US Dollar", 2, "1"),
    "EUR": ("Euro", 2, "0.9"),
    "GBP": ("Pound Sterling", 2, "0.8"),
    "JPY": ("Yen", 0, "150"),
    "KWD": ("Kuwaiti Dinar", 3, "0.3"),
}
#: the chart's account of unearned revenue, and the code of the product of services
UNEARNED, SERVICE = "2.2.2", "SERVICE"


def currencies() -> Any:
    """Make them; returns the company's."""
    made = []
    for code, (name, digits, rate) in CURRENCIES.items():
        one = Model.get("currency.currency")(name=name, code=code, rounding=Decimal(1).scaleb(-digits), digits=digits)
        one.save()
        Model.get("currency.currency.rate")(date=dt.date.min, rate=Decimal(rate), currency=one).save()
        made.append(one)
    return made[0]


def fiscal_years(company: Any, today: dt.date) -> None:
    """Last year, this one and the next, each with its months."""
    for year in (today.year - 1, today.year, today.year + 1):
        made = create_fiscalyear(company, (dt.date(year, 1, 1), dt.date(year, 12, 31)))
        made = set_fiscalyear_invoice_sequences(made)
        made.click("create_period")


def means_of_payment(accounts: Any) -> None:
    """How invoices are paid, and when they are due."""
    (journal,) = Model.get("account.journal").find([("type", "=", "cash")])
    method = Model.get("account.invoice.payment.method")(name="Bank transfer", journal=journal)
    method.credit_account = method.debit_account = accounts["cash"]
    method.save()
    term = Model.get("account.invoice.payment_term")(name="Net 30")
    term.lines.new(type="remainder").relativedeltas.new(days=30)
    term.save()


def deferral(company: Any, accounts: Any) -> None:
    """Where revenue waits until it is earned, and the product that a line names to be deferred: Tryton defers services only."""
    (unearned,) = Model.get("account.account").find([("code", "=", UNEARNED), ("company", "=", company.id)])
    with config.get_config().set_context(company=company.id):
        settings = Model.get("account.configuration")(1)
        settings.deferred_account_revenue = unearned
        settings.save()
    (unit,) = Model.get("product.uom").find([("name", "=", "Unit")])
    category = Model.get("product.category")(name="Services", accounting=True)
    category.account_revenue, category.account_expense = accounts["revenue"], accounts["expense"]
    category.save()
    service = Model.get("product.template")(name="Service over a period", type="service", default_uom=unit)
    service.products[0].suffix_code = SERVICE
    service.list_price, service.account_category = Decimal(0), category
    service.save()


def open_books(database: str, configuration: str) -> None:
    """Everything in order."""
    config.set_trytond(database=database, config_file=configuration)
    create_company(currency=currencies())
    company = get_company()
    create_chart(company)
    fiscal_years(company, dt.date.today())  # noqa: DTZ011 - the server's own day decides in which year it books
    accounts = get_accounts(company)
    means_of_payment(accounts)
    deferral(company, accounts)


if __name__ == "__main__":
    open_books(sys.argv[1], sys.argv[2])
