"""Writer schemas that the processes of one start hand to one another, so that none of them needs the registry twice.

Ids are the registry's own, and another registry gives the same ids to other schemas: the folder lives no longer than
the start that it belongs to.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from connectors.capturing.frames import Schemas


class SchemaFolder:
    """`schemas` with a folder in between: what one process has asked for, all of them have."""

    def __init__(self, schemas: Schemas, folder: Path) -> None:
        """The folder must exist."""
        self._schemas = schemas
        self._folder = folder
        self._known: dict[int, Any] = {}

    def schema(self, schema_id: int) -> Any:
        """The standalone schema of an id. Raises UnknownSchemaId, RegistryUnavailable."""
        if (found := self._known.get(schema_id)) is not None:
            return found
        path = self._folder / f"{schema_id}.json"
        try:
            found = json.loads(path.read_text())
        except FileNotFoundError:
            found = self._schemas.schema(schema_id)
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(found))
            draft.replace(path)  # whole or not at all
        self._known[schema_id] = found
        return found
