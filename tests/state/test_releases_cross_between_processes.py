"""What the engine hands from one process to another comes out as it went in, whatever it holds."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st

from state.row import Change, Merged, Release, Transaction

TEXTS = st.text(max_size=6)
NUMBERS = st.integers(-(2**70), 2**70)
CHANGES = st.builds(
    Change, TEXTS, st.integers(0, 9), st.sampled_from("curdm"), TEXTS, st.binary(max_size=9), TEXTS, NUMBERS, NUMBERS
)
TRANSACTIONS = st.builds(Transaction, TEXTS, NUMBERS, NUMBERS, st.lists(CHANGES, max_size=4))
MERGED = st.builds(Merged, TEXTS, st.none() | TEXTS, st.none() | TEXTS)
RELEASES = st.builds(
    Release,
    NUMBERS,
    st.dictionaries(TEXTS, NUMBERS, max_size=3),
    st.lists(TRANSACTIONS, max_size=4),
    st.booleans(),
    st.booleans(),
    st.just(()) | st.lists(MERGED, max_size=3),
    st.booleans(),
)


@given(RELEASES, st.sampled_from(range(pickle.HIGHEST_PROTOCOL + 1)))
def test_a_release_is_the_same_on_the_other_side(release: Release, protocol: int) -> None:
    """Equal, and of the same types, for every protocol; none of its transactions has changes of another.

    Planted break, seen to fail: `len(changes) or 1` in the heads gives an empty transaction the next one's change.
    """
    for crossed in (pickle.loads(pickle.dumps((3, release), protocol))[1], copy.copy(release)):
        assert crossed == release and type(crossed) is Release
        assert type(crossed.merged) is type(release.merged)
        assert all(type(one) is Transaction and type(one.changes) is list for one in crossed.transactions)
        assert all(type(change) is Change for one in crossed.transactions for change in one.changes)
