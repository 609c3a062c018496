"""`concord ...` whose first transactional producer waits for a file: what another start does meanwhile falls between.

`python -m tests.chaos.late_start <file> run canonical`; it makes the file `<file>.waiting` when it waits.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from confluent_kafka import Producer

from connectors.kafka.offsets import transactional_producer
from console.cli import main

GATE = Path(sys.argv.pop(1))


def _late(settings: dict[str, Any], timeout_s: float) -> Producer:
    waiting = GATE.with_suffix(".waiting")
    if not waiting.exists():
        waiting.touch()
        while not GATE.exists():
            time.sleep(0.02)
    return transactional_producer(settings, timeout_s)


if __name__ == "__main__":
    with patch("connectors.kafka.transactor.transactional_producer", _late):
        sys.exit(main())
