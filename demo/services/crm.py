"""The demo CRM's resource: customers by billing's account number. Only sales makes new ones, so a PUT never does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo.services import fields
from demo.services.answers import Refused, invalid
from demo.services.support import SERVICE_LEVELS
from demo.services.writes import Connection


class Customers:
    """What sales sees: service level, recurring revenue, the urgent case."""

    name = "customers"
    known = ("tier", "recurring_revenue", "currency", "urgent_case")

    async def read(self, connection: Connection, reference: str, lock: bool) -> dict[str, Any] | None:
        """The customer; the amount as exact text."""
        cursor = await connection.execute(
            "SELECT account_number, name, plan AS tier, currency, recurring_revenue::text AS recurring_revenue, urgent_case,"
            " version FROM customers WHERE account_number = %s" + (" FOR UPDATE" if lock else ""),
            [reference],
        )
        return await cursor.fetchone()

    async def write(
        self, connection: Connection, reference: str, before: dict[str, Any] | None, body: Mapping[str, Any]
    ) -> None:
        """Set the fields that the body names."""
        fields.only(body, self.known)
        if before is None:
            raise Refused(
                422, "CUSTOMER_UNKNOWN", f"no customer {reference!r}. Next step: let sales enter the customer first"
            )
        after = {**before, **body}
        urgent = after["urgent_case"]
        if not isinstance(urgent, str) or len(urgent) > 50:
            raise invalid("urgent_case", "must be a text of at most 50 characters")
        await connection.execute(
            "UPDATE customers SET plan = %s, recurring_revenue = %s, currency = %s, urgent_case = %s, version = version + 1"
            " WHERE account_number = %s",
            [
                fields.text(after, "tier", SERVICE_LEVELS),
                fields.money(after["recurring_revenue"], "recurring_revenue"),
                fields.text(after, "currency"),
                urgent,
                reference,
            ],
        )
