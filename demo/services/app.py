"""The HTTP application of one demo service: routes, preconditions, faults, and the control endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.services import fields
from demo.services.answers import DroppedConnection, Refused, ServiceAnswer, not_found
from demo.services.crm import Customers
from demo.services.erp import CreditNotes, Ledger, SalesInvoices
from demo.services.faults import Faults, parse_fault
from demo.services.support import Organizations
from demo.services.writes import EFFECTS_SQL, Connection, Resource, WriteRequest, count_effects, perform

Endpoint = Callable[[Request], Awaitable[Response]]
BODY_BYTES_MAX = 1_000_000
#: The service's names and the database that each one serves.
SERVICES = ("erp", "support", "crm")


@dataclass
class Service:
    """The state of one running demo service."""

    name: str
    dsn: str
    faults: Faults = field(default_factory=Faults)
    ledger: Ledger = field(default_factory=Ledger)
    under_way: int = 0
    pool: AsyncConnectionPool[Connection] = field(init=False)

    def __post_init__(self) -> None:
        self.pool = AsyncConnectionPool(
            self.dsn, min_size=1, max_size=10, open=False, timeout=10, kwargs={"row_factory": dict_row}, name=self.name
        )

    def resources(self) -> Sequence[Resource]:
        """What this service lets others read and write."""
        if self.name == "erp":
            return [SalesInvoices(self.ledger), CreditNotes(self.ledger)]
        return [Organizations()] if self.name == "support" else [Customers()]


def _version(request: Request) -> tuple[int | None, bool]:
    """If-Match's token (0 is a token like any other) and whether If-None-Match: * was sent."""
    token = request.headers.get("if-match")
    absent = request.headers.get("if-none-match") == "*"
    if token is None:
        return None, absent
    text = token.strip().strip('"')
    if not text.isdigit():
        raise Refused(
            400, "BAD_VERSION", f"If-Match {token!r} is not a version. Next step: send the version that a read gave"
        )
    return int(text), absent


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if len(raw) > BODY_BYTES_MAX:
        raise Refused(
            413, "TOO_LARGE", f"the body has {len(raw)} bytes, more than {BODY_BYTES_MAX}. Next step: send less"
        )
    try:
        body = json.loads(raw or b"{}")
    except ValueError as error:
        raise Refused(400, "BAD_JSON", f"the body is not JSON ({error}). Next step: send a JSON object") from error
    if not isinstance(body, dict):
        raise Refused(400, "BAD_JSON", "the body is not a JSON object. Next step: send a JSON object")
    return body


def _row(row: dict[str, Any], status: int = 200, replayed: bool = False) -> Response:
    headers = {"ETag": f'"{row["version"]}"'} | ({"Idempotent-Replay": "true"} if replayed else {})
    return JSONResponse(row, status, headers)


def _reader(service: Service, resource: Resource) -> Endpoint:
    async def read(request: Request) -> Response:
        reference = request.path_params["reference"]
        async with service.pool.connection() as connection:
            row = await resource.read(connection, reference, lock=False)
        if row is None:
            raise not_found(resource.name, reference)
        return _row(row)

    return read


def _writer(service: Service, resource: Resource) -> Endpoint:
    async def write(request: Request) -> Response:
        version, absent = _version(request)
        key = request.headers.get("idempotency-key")
        body = await _body(request)
        note = fields.text(body, "note") if "note" in body else None
        body.pop("note", None)
        asked = WriteRequest(request.url.path, request.path_params["reference"], body, key, version, absent, note)
        written = await perform(service.pool, service.faults, resource, asked)
        return _row(written.row, 201 if absent else 200, written.replayed)

    return write


def _guarded(service: Service, endpoint: Endpoint) -> Endpoint:
    """The endpoint with the switched faults around it and its exceptions turned into answers."""

    async def guarded(request: Request) -> Response:
        where = request.method, request.url.path
        service.under_way += 1
        try:
            await request.body()  # it has arrived: what happens from here on does not need the caller any more
            if slow := service.faults.strike("delay", *where):
                await asyncio.sleep(slow.delay_ms / 1000)
            if throttle := service.faults.strike("throttle", *where):
                busy = {"code": "THROTTLED", "message": "too many requests"}
                return JSONResponse(busy, 429, {"Retry-After": str(throttle.retry_after_s)})
            if service.faults.strike("error", *where):
                return JSONResponse({"code": "INTERNAL", "message": "internal error"}, 500)
            answer = await endpoint(request)
            if slow := service.faults.strike("delay_after_commit", *where):
                await asyncio.sleep(slow.delay_ms / 1000)
            return answer
        except Refused as refused:
            return JSONResponse(refused.body(), refused.status)
        except (DroppedConnection, ClientDisconnect):
            request.scope["concord.transport"].abort()
            return Response(status_code=503)
        finally:
            service.under_way -= 1

    return guarded


def _control_routes(service: Service) -> list[Route]:
    """Endpoints for demo and tests: faults, closed period, effect log, health."""

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            service.faults.clear()
        elif request.method == "POST":
            service.faults.switch_on(parse_fault(await _body(request)))
        return JSONResponse(service.faults.listing())

    async def period(request: Request) -> Response:
        first = (await _body(request)).get("first_open_day")
        service.ledger.first_open_day = None if first is None else fields.day(first, "first_open_day")
        return JSONResponse({"first_open_day": first})

    async def effects(request: Request) -> Response:
        return JSONResponse(await count_effects(service.pool, request.query_params.get("key")))

    async def health(_: Request) -> Response:
        async with service.pool.connection() as connection:
            await connection.execute("SELECT 1")
        return JSONResponse({"service": service.name, "under_way": service.under_way})

    def answering(endpoint: Endpoint) -> Endpoint:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refused as refused:
                return JSONResponse(refused.body(), refused.status)

        return answered

    return [
        Route("/health", answering(health)),
        Route("/control/faults", answering(faults), methods=["GET", "POST", "DELETE"]),
        Route("/control/period", answering(period), methods=["POST"]),
        Route("/control/effects", answering(effects)),
    ]


def build(name: str, dsn: str) -> Starlette:
    """The application of the service `name` ('erp' or 'support') over the database that `dsn` names."""
    if name not in SERVICES:
        raise ServiceAnswer(f"there is no demo service {name!r}. Next step: choose one of {', '.join(SERVICES)}")
    service = Service(name, dsn)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.pool.open(wait=True, timeout=10)
        async with service.pool.connection() as connection:
            await connection.execute(EFFECTS_SQL)
        yield
        await service.pool.close()

    routes = _control_routes(service)
    for resource in service.resources():
        path = f"/{resource.name}/{{reference}}"
        routes.append(Route(path, _guarded(service, _reader(service, resource)), methods=["GET"]))
        routes.append(Route(path, _guarded(service, _writer(service, resource)), methods=["PUT"]))
    return Starlette(routes=routes, lifespan=lifespan)
