"""One conditional write: key claim, version check, change, effect log and stored answer in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from demo.services.answers import DroppedConnection, Refused, not_found, stale
from demo.services.faults import Faults

#: A connection whose rows are dictionaries.
Connection = AsyncConnection[DictRow]

#: The effect log lies outside the captured tables: one row for every write that was really carried out.
EFFECTS_SQL = """
CREATE SCHEMA IF NOT EXISTS service;
CREATE TABLE IF NOT EXISTS service.effects (
    id bigserial PRIMARY KEY,
    key text,
    resource text NOT NULL,
    reference text NOT NULL,
    version integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE service.effects ADD COLUMN IF NOT EXISTS note text
"""


class Resource(Protocol):
    """One kind of row that the service reads and writes by its reference."""

    name: str

    async def read(self, connection: Connection, reference: str, lock: bool) -> dict[str, Any] | None:
        """The row as the API shows it, `version` included, or None. `lock` holds it until the transaction ends."""
        ...

    async def write(
        self, connection: Connection, reference: str, before: dict[str, Any] | None, body: Mapping[str, Any]
    ) -> None:
        """Create (`before` is None) or change the row: only the fields that the body names. Raises Refused."""
        ...


@dataclass(frozen=True)
class WriteRequest:
    """What a PUT asks for. `version` is If-Match's token; None with `absent` means If-None-Match: *.

    `note`: what the caller wants remembered with the change; no part of the row.
    """

    path: str
    reference: str
    body: Mapping[str, Any]
    key: str | None
    version: int | None
    absent: bool
    note: str | None = None

    def fingerprint(self) -> str:
        """Tells a repeat of the same request from another request under the same key. The version token is no part of it."""
        text = json.dumps([self.path, self.body], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Written:
    """The row after the write; `replayed` means that the key was known and nothing was written again."""

    row: dict[str, Any]
    replayed: bool


async def _claim(connection: Connection, request: WriteRequest) -> Written | None:
    """Claim the idempotency key, or give the stored answer. Blocks while another transaction holds the key."""
    if request.key is None:
        return None
    cursor = await connection.execute(
        "INSERT INTO idempotency_keys (key, response) VALUES (%s, '{}') ON CONFLICT DO NOTHING RETURNING key",
        [request.key],
    )
    if await cursor.fetchone():
        return None
    cursor = await connection.execute("SELECT response FROM idempotency_keys WHERE key = %s", [request.key])
    stored = await cursor.fetchone()
    if stored is None or stored["response"].get("fingerprint") != request.fingerprint():
        raise Refused(
            422,
            "KEY_REUSED",
            f"idempotency key {request.key!r} was used for another request. Next step: use a key of its own for each request",
        )
    return Written(stored["response"]["row"], replayed=True)


def _check(resource: Resource, request: WriteRequest, before: Mapping[str, Any] | None) -> None:
    """Hold the request's precondition against the locked row; raises Refused 404, 412 or 428."""
    if request.absent:
        if before is not None:
            raise stale(resource.name, request.reference, before["version"])
        return
    if request.version is None:
        raise Refused(
            428,
            "PRECONDITION_REQUIRED",
            "a write needs If-Match or If-None-Match. Next step: read first and send the version",
        )
    if before is None:
        raise not_found(resource.name, request.reference)
    if before["version"] != request.version:
        raise stale(resource.name, request.reference, before["version"])


async def _record(connection: Connection, resource: Resource, request: WriteRequest, row: Mapping[str, Any]) -> None:
    """Log the effect and store the answer under the key, in the transaction of the change itself."""
    await connection.execute(
        "INSERT INTO service.effects (key, resource, reference, version, note) VALUES (%s, %s, %s, %s, %s)",
        [request.key, resource.name, request.reference, row["version"], request.note],
    )
    if request.key is not None:
        await connection.execute(
            "UPDATE idempotency_keys SET response = %s WHERE key = %s",
            [Jsonb({"fingerprint": request.fingerprint(), "row": row}), request.key],
        )


async def _transact(connection: Connection, resource: Resource, request: WriteRequest) -> Written:
    """The body of the transaction, without its commit."""
    replay = await _claim(connection, request)
    if replay is not None:
        return replay
    before = await resource.read(connection, request.reference, lock=True)
    _check(resource, request, before)
    try:
        await resource.write(connection, request.reference, before, request.body)
    except errors.UniqueViolation as error:
        raise stale(resource.name, request.reference, None) from error
    after = await resource.read(connection, request.reference, lock=False)
    if after is None:
        raise not_found(resource.name, request.reference)
    await _record(connection, resource, request, after)
    return Written(after, replayed=False)


async def perform(
    pool: AsyncConnectionPool[Connection], faults: Faults, resource: Resource, request: WriteRequest
) -> Written:
    """Carry one write out, once per key. Raises Refused (nothing written) or DroppedConnection (a switched fault)."""
    async with pool.connection() as connection:
        written = await _transact(connection, resource, request)
        if faults.strike("drop_before_commit", "PUT", request.path):
            raise DroppedConnection("before the commit")
    if faults.strike("drop_after_commit", "PUT", request.path):
        raise DroppedConnection("after the commit")
    return written


async def count_effects(pool: AsyncConnectionPool[Connection], key: str | None) -> dict[str, int]:
    """How many writes were carried out per idempotency key (all keys, or the one given)."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT coalesce(key, '') AS key, count(*) AS effects FROM service.effects"
            " WHERE %(key)s::text IS NULL OR key = %(key)s GROUP BY 1",
            {"key": key},
        )
        return {row["key"]: row["effects"] for row in await cursor.fetchall()}
