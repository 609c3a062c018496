"""A cut is handed out only when every record of its commit is there, whatever order the partitions are read in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from state.cuts import Cut, CutAssembler, Entry, Partition, Progress

PROGRESS: Partition = ("progress", 0)
DATA: tuple[Partition, ...] = (("account", 0), ("account", 1), ("invoice", 0))

Log = dict[Partition, list[tuple[int, Entry | Progress | None]]]


def build_log(commits: list[list[tuple[int, str]]]) -> Log:
    """What the broker holds: per partition (offset, record); None stands for a transaction marker, which is not delivered."""
    log: Log = {partition: [] for partition in (*DATA, PROGRESS)}
    for number, records in enumerate(commits, 1):
        touched = {PROGRESS}
        for slot, key in records:
            partition = DATA[slot]
            offset = len(log[partition])
            value = f"{number}".encode()
            log[partition].append((offset, Entry(partition[0], key, number, partition[1], offset, value)))
            touched.add(partition)
        log[PROGRESS].append((len(log[PROGRESS]), Progress(number, {"s": number * 10}, {"s": number}, True)))
        for partition in touched:
            log[partition].append((len(log[partition]), None))
    return log


COMMITS = st.lists(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcd")), max_size=5), min_size=1, max_size=12)


def truth(commits: list[list[tuple[int, str]]], upto: int) -> dict[tuple[str, str, int], int]:
    """{(object, key, partition): commit that wrote it last} after commit `upto`."""
    state: dict[tuple[str, str, int], int] = {}
    for number, records in enumerate(commits[:upto], 1):
        for slot, key in records:
            state[DATA[slot][0], key, DATA[slot][1]] = number
    return state


def fold(state: dict[tuple[str, str, int], int], cut: Cut) -> None:
    """What a reader does with a cut."""
    for entry in cut.entries:
        state[entry.object, entry.key, entry.partition] = entry.commit


def wants(assembler: CutAssembler) -> bool:
    """Whether a barrier is asked for now."""
    return assembler.wants_barrier


class Reader:
    """Feeds an assembler from a log that grows commit by commit, in an order that a test chooses."""

    def __init__(self, log: Log, assembler: CutAssembler, start: dict[Partition, int]) -> None:
        self.log, self.assembler = log, assembler
        self.at = dict(start)
        self.end = dict(start)

    def read(self, choice: Partition) -> None:
        """Deliver everything of one partition that is there, then the end-of-partition event."""
        for offset, record in self.log[choice][self.at[choice] : self.end[choice]]:
            if isinstance(record, Entry):
                self.assembler.add(choice, record)
            elif isinstance(record, Progress):
                self.assembler.progress(choice, offset, record)
        self.at[choice] = self.end[choice]
        self.assembler.reach(choice, self.at[choice])


@settings(deadline=None)  # the machine may be busy
@given(COMMITS, st.data())
def test_whole_cuts_equal_the_truth_at_their_commit(commits: list[list[tuple[int, str]]], data: st.DataObject) -> None:
    """Partitions are read in any order and any portions; the state after each cut is exactly that of its commit.

    Planted break, seen to fail: passing the barrier when the progress record is seen.
    """
    log = build_log(commits)
    nothing = dict.fromkeys(log, 0)
    reader = Reader(log, CutAssembler(nothing, held_bytes_max=10**9), nothing)
    state: dict[tuple[str, str, int], int] = {}
    seen: list[int] = []
    for partition in log:
        reader.end[partition] = len(log[partition])  # readers are what is slow here; all commits have ended
    for _ in range(200):
        if all(reader.at[partition] == len(log[partition]) for partition in log):
            break
        choice = data.draw(st.sampled_from(sorted(log)))
        portion = data.draw(st.integers(1, 4))
        reader.end[choice] = min(len(log[choice]), reader.at[choice] + portion)
        reader.read(choice)
        if reader.assembler.wants_barrier:
            reader.assembler.barrier({partition: len(log[partition]) for partition in log})
        cut = reader.assembler.take()
        if cut is not None:
            assert cut.progress is not None
            fold(state, cut)
            seen.append(cut.progress.commit)
            assert state == truth(commits, cut.progress.commit)
    assert seen == sorted(set(seen))


@settings(deadline=None)  # the machine may be busy
@given(COMMITS, st.integers(1, 11))
def test_offsets_of_a_cut_continue_exactly_where_it_ended(commits: list[list[tuple[int, str]]], at: int) -> None:
    """A second reader that starts at the offsets of a cut adds what is missing, no record of a later commit is skipped."""
    log = build_log(commits)
    nothing = dict.fromkeys(log, 0)
    first = Reader(log, CutAssembler(nothing, 10**9), nothing)
    upto = min(at, len(commits))
    first.end = {p: len(log[p]) for p in log}
    first.end[PROGRESS] = (
        next(o for o, record in log[PROGRESS] if isinstance(record, Progress) and record.commit == upto) + 1
    )
    for partition in log:
        first.read(partition)
    first.assembler.barrier(first.end)
    cut = first.assembler.take()
    assert cut is not None
    assert cut.progress is not None
    assert cut.progress.commit == upto
    state: dict[tuple[str, str, int], int] = {}
    fold(state, cut)
    assert state == truth(commits, upto)
    second = Reader(log, CutAssembler(cut.offsets, 10**9, released=upto, highest=cut.highest), cut.offsets)
    second.end = {p: len(log[p]) for p in log}
    for partition in log:
        second.read(partition)
    if upto < len(commits):
        assert second.assembler.wants_barrier
        second.assembler.barrier(second.end)
        rest = second.assembler.take()
        assert rest is not None
        fold(state, rest)
    assert state == truth(commits, len(commits))


def test_too_much_is_handed_out_as_it_comes_and_said_so() -> None:
    """Beyond the bound records are let go without a commit, and the next whole cut is not older than any of them."""
    log = build_log([[(0, "a"), (1, "b")], [(0, "a"), (2, "c")], [(0, "d")]])
    assembler = CutAssembler(dict.fromkeys(log, 0), held_bytes_max=0)
    reader = Reader(log, assembler, dict.fromkeys(log, 0))
    reader.end = {p: len(log[p]) for p in log}
    reader.read(("account", 0))
    part = assembler.take()
    assert part is not None
    assert not part.whole
    assert part.highest == 3
    assembler.progress(PROGRESS, 0, Progress(1, {}, {}, True))
    assert not wants(assembler), "commit 1 is older than what was handed out"
    for partition in log:
        reader.read(partition)
    parts = [cut for cut in iter(assembler.take, None) if not cut.whole]
    assert parts
    assert wants(assembler)
    assembler.barrier(reader.end)
    last = assembler.take()
    assert last is not None
    assert last.progress is not None
    assert last.progress.commit == 3


def test_repeated_progress_of_an_old_commit_sets_no_barrier() -> None:
    """A restarted reader sees old progress records again; the shown commit never goes back."""
    assembler = CutAssembler({PROGRESS: 0}, 10**9, released=5, highest=5)
    assembler.progress(PROGRESS, 0, Progress(4, {}, {}, True))
    assembler.progress(PROGRESS, 1, Progress(5, {}, {}, True))
    assert not wants(assembler)
    assembler.progress(PROGRESS, 2, Progress(6, {}, {}, True))
    assert wants(assembler)
