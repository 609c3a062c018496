"""What the registry client raises; terminal or transient is in the type.

RegistryError
  UnknownSchemaId       the registry answered and has no such id (not retried; asked again after a while)
  SchemaRefused         the registry or our own rule refuses a schema; `reasons` says why
  UnreadableSchema      the registry has the schema, and it is no Avro that can be read
  RegistryUnavailable   no answer after retries, or none that says anything about the schema; transient
"""

from __future__ import annotations

from collections.abc import Sequence


class RegistryError(Exception):
    """Base of what the registry client raises."""


class UnknownSchemaId(RegistryError):
    """No schema has this id."""


class SchemaRefused(RegistryError):
    """A schema that must not be registered under its subject."""

    def __init__(self, subject: str, reasons: Sequence[str]) -> None:
        """`reasons`: one sentence each, naming the field."""
        super().__init__(
            f"The schema of subject {subject} is refused: {'; '.join(reasons)}. Keep the field as it was, or add a new field."
        )
        self.reasons = tuple(reasons)


class UnreadableSchema(RegistryError):
    """A schema of another kind, or one whose references are missing or contradict one another."""


class RegistryUnavailable(RegistryError):
    """The registry did not answer; schemas already cached go on working."""
