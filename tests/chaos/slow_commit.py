"""`concord ...` at a broker that takes its time for every commit; at the end it says how much was made meanwhile.

`python -m tests.chaos.slow_commit run canonical`; the last line is `made while a commit was under way: <parts of steps>`.
"""

from __future__ import annotations

import os
import sys
import time
from unittest.mock import patch

from connectors.kafka.offsets import Vector
from connectors.kafka.transactor import Transactor
from console.cli import main
from dataflows.encode import ShardRecords
from dataflows.flight import Flight

#: messages of a poll: few, so that there are many of them in a backlog
POLL = 100
#: it ends sooner when a shard has made something meanwhile
COMMIT_SECONDS_MAX = 0.3
_commit, _arrive = Transactor.commit, Flight.arrive
_under_way = False
_made = 0


def _slow(self: Transactor, offsets: Vector) -> None:
    global _under_way
    _under_way = True
    before, end = _made, time.monotonic() + COMMIT_SECONDS_MAX
    while _made == before and time.monotonic() < end:
        time.sleep(0.01)
    _commit(self, offsets)
    _under_way = False


def _counted(self: Flight, number: int, records: ShardRecords) -> None:
    global _made
    _made += _under_way
    _arrive(self, number, records)


if __name__ == "__main__":
    os.environ["CONCORD_BATCH_ROWS"] = str(POLL)
    with patch.object(Transactor, "commit", _slow), patch.object(Flight, "arrive", _counted):
        code = main()
    sys.stdout.write(f"made while a commit was under way: {_made}\n")
    sys.exit(code)
