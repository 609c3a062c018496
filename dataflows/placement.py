"""Which worker does what. The engine sends an item to the worker that the hash of its key names; here that is chosen.

Reading, aligning and writing go through one worker, so what they pass on never crosses a process: the serial part is
cheap, and a backlog of several sources is read in step (two readers that ran apart made rows wait for accounts that
the other had still to read, which doubled the work). The shards are on the other workers; with one worker all is there,
and of two the serial one takes a quarter of them: its own work is about a third of what all shards have to do.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
#: the worker of the source, the sequencer and the sink
SERIAL_WORKER = 0
_TWO = 2


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = (v0 + v1) & _MASK
    v1 = _rotated(v1, 13) ^ v0
    v2 = (v2 + v3) & _MASK
    v3 = _rotated(v3, 16) ^ v2
    v0 = (_rotated(v0, 32) + v3) & _MASK
    v3 = _rotated(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotated(v1, 17) ^ v2
    return v0, v1, _rotated(v2, 32), v3


def siphash13(data: bytes) -> int:
    """SipHash-1-3 with a zero key, 64 bits: what Rust's DefaultHasher makes of `data`. Source: Aumasson and Bernstein 2012."""
    v0, v1, v2, v3 = 0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573
    whole = len(data) & ~7
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, whole, 8)]
    words.append((len(data) & 0xFF) << 56 | int.from_bytes(data[whole:], "little"))
    for word in words:
        v0, v1, v2, v3 = _round(v0, v1, v2, v3 ^ word)
        v0 ^= word
    v2 ^= 0xFF
    for _ in range(3):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


def worker_of(key: str, workers: int) -> int:
    """The worker (0-based) to which Bytewax 0.21 sends items with this key."""
    return siphash13(key.encode() + b"\xff") % workers  # Rust ends the hash of a text with 0xff


def key_on(worker: int, workers: int, name: str) -> str:
    """A key that begins with `name` and lives on the worker."""
    salt = 0
    while worker_of(key := f"{name}~{salt}", workers) != worker:
        salt += 1
    return key


def sequencer_key(workers: int) -> str:
    """Key of the one sequencer."""
    return key_on(SERIAL_WORKER, workers, "sequencer")


def shard_workers(shards: int, workers: int) -> list[int]:
    """The worker of every shard: they share those that do not read, evenly; of two workers both have some."""
    turns = [worker for worker in range(workers) if worker != SERIAL_WORKER] or [SERIAL_WORKER]
    if workers == _TWO:
        turns = turns * 3 + [SERIAL_WORKER]
    return [turns[shard % len(turns)] for shard in range(shards)]


def shard_keys(shards: int, workers: int) -> list[str]:
    """Key of every shard."""
    return [key_on(worker, workers, str(shard)) for shard, worker in enumerate(shard_workers(shards, workers))]
