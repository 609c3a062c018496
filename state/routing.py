"""Which shard owns an account: the partition that the Java client's default rule gives its id."""

from __future__ import annotations

from state.row import Change, Transaction

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 (seed 0x9747b28c), unsigned. Source: org.apache.kafka.common.utils.Utils."""
    length = len(data)
    h = 0x9747B28C ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def partition_of(key: str, partitions: int) -> int:
    """The partition (0-based) of a UTF-8 key among `partitions`, equal to the Java client's."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


class Router:
    """`partition_of` with a memory: the same accounts come back all the time."""

    def __init__(self, partitions: int, remembered: int = 2_000_000) -> None:
        self._partitions = partitions
        self._known: dict[str, int] = {}
        self._remembered = remembered

    def shard(self, account: str) -> int:
        """Shard number of the account, 0-based."""
        shard = self._known.get(account)
        if shard is None:
            if len(self._known) >= self._remembered:
                self._known.clear()
            shard = self._known[account] = partition_of(account, self._partitions)
        return shard

    def split(self, transaction: Transaction, per_shard: dict[int, list[Transaction]]) -> None:
        """Add to each shard what the transaction does to its accounts."""
        shard_of = self.shard
        changes = transaction.changes
        account = changes[0][0]
        for change in changes:
            if change[0] != account:
                break
        else:  # nearly always
            shard = shard_of(account)
            if shard in per_shard:
                per_shard[shard].append(transaction)
            else:
                per_shard[shard] = [transaction]
            return
        by_shard: dict[int, list[Change]] = {}
        for change in changes:
            shard = shard_of(change[0])
            if shard in by_shard:
                by_shard[shard].append(change)
            else:
                by_shard[shard] = [change]
        for shard, changes in by_shard.items():
            per_shard.setdefault(shard, []).append(transaction._replace(changes=changes))
