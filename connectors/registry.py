"""A small client of the Confluent schema registry API: ids to schemas, subjects to ids, compatibility.

Written for a stream: a schema id is asked for once per process, so what was seen before goes on through an outage.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx
import stamina

from connectors import metrics
from connectors.avro.errors import AvroError
from connectors.avro.evolution import forbidden_changes
from connectors.avro.schema import inline_references, named_types
from connectors.registry_errors import (
    RegistryError,
    RegistryUnavailable,
    SchemaRefused,
    UnknownSchemaId,
    UnreadableSchema,
)

__all__ = [
    "FULL_TRANSITIVE", "Registry", "RegistryError", "RegistryUnavailable", "SchemaRefused", "UnknownSchemaId", "UnreadableSchema",
]  # fmt: skip
FULL_TRANSITIVE = "FULL_TRANSITIVE"
#: how long an id that nothing can be read with is not asked for again
BAD_ID_CACHED_S = 10.0
_MEDIA = "application/vnd.schemaregistry.v1+json"


class _Retry(Exception):
    """An answer that may differ when asked again: 5xx and 429."""


class Registry:
    """One registry by the base address of its Confluent API, for example http://127.0.0.1:8081/apis/ccompat/v7.

    `transport` replaces the network in tests. `timeout_s` bounds one call with all its retries.
    """

    def __init__(
        self, url: str, timeout_s: float = 20.0, attempts: int = 8, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._connect = partial(
            httpx.Client,
            base_url=self.url,
            timeout=min(5.0, timeout_s),
            transport=transport,
            headers={"Content-Type": _MEDIA},
        )
        self._client = self._connect()
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._schemas: dict[int, Any] = {}
        self._bad: dict[int, tuple[float, type[RegistryError], str]] = {}
        self._versions: dict[tuple[str, int | str], dict[str, Any]] = {}
        self._registered: dict[tuple[str, str], int] = {}

    def reconnect(self) -> None:
        """Leave the connections that there are to whoever else has them, as a process does that was forked."""
        self._client = self._connect()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def schema(self, schema_id: int) -> Any:
        """The schema of an id as JSON values, references put in, so that it stands alone.

        Raises UnknownSchemaId, UnreadableSchema, RegistryUnavailable.
        """
        found = self._schemas.get(schema_id)
        if found is None:
            until, kind, reason = self._bad.get(schema_id, (0.0, UnknownSchemaId, ""))
            if time.monotonic() < until:
                raise kind(reason)
            try:
                found = self._schemas[schema_id] = self._fetch(schema_id)
            except (UnknownSchemaId, UnreadableSchema) as refused:
                self._bad[schema_id] = time.monotonic() + BAD_ID_CACHED_S, type(refused), str(refused)
                raise
        return found

    def _fetch(self, schema_id: int) -> Any:
        path = f"/schemas/ids/{schema_id}"
        answer = self._ask("GET", path)
        if answer.status_code == 404:
            raise self._no_such_id(schema_id)
        if answer.status_code != 200:  # not let in, or a proxy's answer: it says nothing about the schema
            raise self._no_answer("GET", path, f"status {answer.status_code}")
        return self._standalone(schema_id, answer.json())

    def register(
        self,
        subject: str,
        schema: Any,
        references: Sequence[dict[str, Any]] = (),
        compatibility: str | None = None,
    ) -> int:
        """The id of the schema under the subject, registering it if it is new there.

        `compatibility`: the level that a subject without one of its own gets, for example FULL_TRANSITIVE. Raises SchemaRefused (also where precision, scale or unit of a field would change), RegistryUnavailable.
        """
        text = json.dumps(schema, separators=(",", ":"))
        known = self._registered.get((subject, text))
        if known is not None:
            return known
        body = {"schema": text, "references": list(references)} if references else {"schema": text}
        answer = self._ask("POST", f"/subjects/{subject}", body)
        if answer.status_code != 200:
            reasons = self._forbidden(subject, schema)
            if reasons:
                raise SchemaRefused(subject, reasons)
            answer = self._ask("POST", f"/subjects/{subject}/versions", body)
        number = int(self._json(answer, subject)["id"])
        self._registered[subject, text] = number
        if compatibility is not None and self.compatibility(subject) in (None, "NONE"):
            self.set_compatibility(subject, compatibility)
        return number

    def check(self, subject: str, schema: Any) -> list[str]:
        """Why the schema may not follow the subject's versions; empty if it may."""
        reasons = self._forbidden(subject, schema)
        answer = self._ask(
            "POST", f"/compatibility/subjects/{subject}/versions?verbose=true", {"schema": json.dumps(schema)}
        )
        if answer.status_code != 404:
            verdict = self._json(answer, subject)
            if not verdict.get("is_compatible", False):
                reasons += [str(m) for m in verdict.get("messages") or ["the registry calls it incompatible"]]
        return reasons

    def set_compatibility(self, subject: str | None = None, level: str = FULL_TRANSITIVE) -> None:
        """Set the level of one subject, or of all that have none of their own. Raises SchemaRefused."""
        path = f"/config/{subject}" if subject else "/config"
        answer = self._ask("PUT", path, {"compatibility": level})
        if answer.status_code == 409:  # two clients set it for the first time at once; the second time it is a change
            answer = self._ask("PUT", path, {"compatibility": level})
        self._json(answer, subject or "(all)")

    def compatibility(self, subject: str | None = None) -> str | None:
        """The level set for a subject (or for all); None if it has none of its own."""
        answer = self._ask("GET", f"/config/{subject}" if subject else "/config")
        if answer.status_code == 404:
            return None
        body = self._json(answer, subject or "(all)")
        return str(body.get("compatibilityLevel") or body.get("compatibility"))

    def subjects(self) -> list[str]:
        """All subjects."""
        return list(self._json(self._ask("GET", "/subjects")))

    def versions(self, subject: str) -> list[int]:
        """Version numbers of a subject, oldest first; empty if there is no such subject."""
        answer = self._ask("GET", f"/subjects/{subject}/versions")
        return [] if answer.status_code == 404 else sorted(self._json(answer, subject))

    def version(self, subject: str, version: int | str) -> dict[str, Any]:
        """One registered version: subject, id, version, schema (text), references. Fetched at most once per process."""
        key = (subject, version)
        found = self._versions.get(key)
        if found is None:
            answer: dict[str, Any] = self._json(self._ask("GET", f"/subjects/{subject}/versions/{version}"), subject)
            found = answer
            if version != "latest":
                self._versions[key] = found
        return found

    def _standalone(self, schema_id: int, document: dict[str, Any]) -> Any:
        kind = document.get("schemaType") or "AVRO"
        if kind != "AVRO":
            raise UnreadableSchema(f"Schema {schema_id} is of type {kind}, and only Avro is read.")
        named: dict[str, Any] = {}
        try:
            self._collect(document.get("references") or (), named)
            root = json.loads(document["schema"])
            return inline_references(root, named) if named else root
        except (SchemaRefused, AvroError, ValueError) as error:
            raise UnreadableSchema(f"Schema {schema_id} cannot be read: {error}") from error

    def _collect(self, references: Sequence[dict[str, Any]], named: dict[str, Any]) -> None:
        for reference in references:
            document = self.version(reference["subject"], reference["version"])
            self._collect(document.get("references") or (), named)
            named.update(named_types(json.loads(document["schema"])))

    def _forbidden(self, subject: str, schema: Any) -> list[str]:
        reasons: list[str] = []
        for number in self.versions(subject):
            older = json.loads(self.version(subject, number)["schema"])
            reasons += [r for r in forbidden_changes(older, schema) if r not in reasons]
        return reasons

    def _no_such_id(self, schema_id: int) -> UnknownSchemaId:
        return UnknownSchemaId(
            f"The registry {self.url} has no schema with id {schema_id}; was the record written with another registry?"
        )

    def _json(self, answer: httpx.Response, subject: str = "") -> Any:
        if answer.status_code in (200, 201, 204):
            return answer.json() if answer.content else {}
        try:
            body = answer.json()
        except ValueError:
            body = answer.text
        message = body.get("message", body) if isinstance(body, dict) else body
        raise SchemaRefused(subject, [f"the registry answered {answer.status_code}: {str(message)[:500]}"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            for attempt in stamina.retry_context(
                on=(httpx.TransportError, _Retry),
                attempts=self._attempts,
                timeout=self._timeout_s,
                wait_initial=0.1,
                wait_max=3.0,
            ):
                with attempt:
                    answer = self._client.request(method, path, json=body)
                    if answer.status_code >= 500 or answer.status_code == 429:
                        metrics.REGISTRY_UNAVAILABLE.labels(f"http_{answer.status_code}").inc()
                        raise _Retry(f"status {answer.status_code}: {answer.text[:200]}")
                    return answer
        except httpx.TransportError as error:
            metrics.REGISTRY_UNAVAILABLE.labels(type(error).__name__).inc()
            raise self._no_answer(method, path, error) from error
        except _Retry as error:
            raise self._no_answer(method, path, error) from error
        raise AssertionError("the retry loop always returns or raises")

    def _no_answer(self, method: str, path: str, error: Exception | str) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"The schema registry {self.url} did not answer {method} {path} ({error}); check that it runs. Schemas already read go on working."
        )
