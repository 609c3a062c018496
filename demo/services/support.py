"""The demo support desk's resource: organizations, found by billing's account number in their free text reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo.services import fields
from demo.services.writes import Connection

SERVICE_LEVELS = ("none", "standard", "premium", "enterprise")


class Organizations:
    """Organizations by account reference; ' a-000017 ' and A-000017 are the same one."""

    name = "organizations"
    known = ("name", "service_level", "delinquent")

    async def read(self, connection: Connection, reference: str, lock: bool) -> dict[str, Any] | None:
        """The organization as the API shows it."""
        cursor = await connection.execute(
            "SELECT name, account_ref, service_level, delinquent, version FROM organizations"
            " WHERE upper(trim(account_ref)) = upper(trim(%s))" + (" FOR UPDATE" if lock else ""),
            [reference],
        )
        return await cursor.fetchone()

    async def write(
        self, connection: Connection, reference: str, before: dict[str, Any] | None, body: Mapping[str, Any]
    ) -> None:
        """Set the fields that the body names; a new organization without a name is called by its reference."""
        fields.only(body, self.known)
        after = {"name": reference, "service_level": "none", "delinquent": False, **(before or {}), **body}
        values = [
            fields.text(after, "name"),
            fields.text(after, "service_level", SERVICE_LEVELS),
            fields.flag(after, "delinquent"),
            reference,
        ]
        await connection.execute(
            "INSERT INTO organizations (name, service_level, delinquent, account_ref) VALUES (%s, %s, %s, %s)"
            if before is None
            else "UPDATE organizations SET name = %s, service_level = %s, delinquent = %s, version = version + 1"
            " WHERE upper(trim(account_ref)) = upper(trim(%s))",
            values,
        )
