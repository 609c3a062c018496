"""The generated workload on disk: written once, cached under `.stack/bench`, read by the loader and the checker.

`events.bin`: messages as <kind u8, key length u16, value length u32 (all ones: tombstone), key, value>.
`truth.bin`: one row of int64 a source transaction (see `TRUTH_FIELDS`). `meta.json`: counts; written last, so a
folder without it is an interrupted generation and is made again.
"""

from __future__ import annotations

import json
import mmap
import shutil
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from struct import Struct

from benchmarks.envelopes import TRANSACTION_KIND, Message, all_messages
from benchmarks.shape import Shape
from benchmarks.tables import Truth
from benchmarks.workload import Workload

#: raised whenever the generator or the format changes, so that an old cache is not read
FORMAT = 5
HEADER = Struct("<BHI")
TOMBSTONE = 0xFFFF_FFFF
TRUTH_FIELDS = ("source", "position", "time_ms", *Truth._fields)


@dataclass(frozen=True)
class Dataset:
    """A generated workload: its folder and what it holds."""

    folder: Path
    changes: int
    accounts: int
    transactions: int
    messages: int

    def read(self) -> Iterator[Message]:
        """All messages in commit order, straight from the mapped file."""
        with (
            (self.folder / "events.bin").open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            at, size, unpack = 0, len(data), HEADER.unpack_from
            while at < size:
                kind, key_length, value_length = unpack(data, at)
                at += HEADER.size
                key = data[at : at + key_length]
                at += key_length
                if value_length == TOMBSTONE:
                    yield Message(kind, key, None)
                    continue
                yield Message(kind, key, data[at : at + value_length])
                at += value_length

    def batches(self) -> Iterator[tuple[int, int, list[Message]]]:
        """(source, commit position, messages) of each transaction in commit order; the last message is its END."""
        commits, batch, inside = self._commits(), list[Message](), False
        for message in self.read():
            batch.append(message)
            if message.kind < TRANSACTION_KIND:
                continue
            inside = not inside
            if not inside:
                source, position = next(commits)
                yield source, position, batch
                batch = []

    def _commits(self) -> Iterator[tuple[int, int]]:
        """(source, position) of each transaction; one that is about several accounts has several rows of truth."""
        rows, width, last = self.truth(), len(TRUTH_FIELDS), (-1, -1)
        for at in range(0, len(rows), width):
            commit = (rows[at], rows[at + 1])
            if commit != last:
                yield commit
            last = commit

    def last_positions(self, names: tuple[str, ...]) -> dict[str, int]:
        """Commit position of each source's last transaction; a source without any is left out."""
        rows, width = self.truth(), len(TRUTH_FIELDS)
        return {names[rows[at]]: rows[at + 1] for at in range(0, len(rows), width)}

    def truth(self) -> array[int]:
        """Rows of `TRUTH_FIELDS`, flattened, in commit order."""
        values: array[int] = array("q")
        path = self.folder / "truth.bin"
        with path.open("rb") as file:
            values.fromfile(file, path.stat().st_size // values.itemsize)
        return values


def prepare(root: Path, shape: Shape, progress: Callable[[int], None] | None = None) -> Dataset:
    """The dataset of this shape: read from the cache below `root`, or generated now (about 25 s a million)."""
    folder = root / f"v{FORMAT}-{shape.name}"
    meta = folder / "meta.json"
    if not meta.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        generated = _generate(folder, Workload(shape), progress)
        meta.write_text(json.dumps({name: value for name, value in asdict(generated).items() if name != "folder"}))
    known = json.loads(meta.read_text())
    return Dataset(folder=folder, **known)


def _generate(folder: Path, workload: Workload, progress: Callable[[int], None] | None) -> Dataset:
    """Write both files; `progress` is told the number of changes every few thousand transactions."""
    changes = transactions = messages = 0
    truth: array[int] = array("q")
    with (folder / "events.bin").open("wb", 1 << 20) as file:
        write, pack = file.write, HEADER.pack
        for transaction, position, parts in all_messages(workload.transactions()):
            for kind, key, value in parts:
                if value is None:
                    write(pack(kind, len(key), TOMBSTONE) + key)
                else:
                    write(pack(kind, len(key), len(value)) + key + value)
            for known in (transaction.truth, *transaction.others):
                truth.extend((transaction.source, position, transaction.time_ms, *known))
            changes += len(transaction.changes)
            transactions += 1
            messages += len(parts)
            if progress and transactions % 4096 == 0:
                progress(changes)
    with (folder / "truth.bin").open("wb") as file:
        truth.tofile(file)
    return Dataset(folder, changes, min(workload.shape.accounts, transactions), transactions, messages)
