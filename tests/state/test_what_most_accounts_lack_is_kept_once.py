"""What most accounts lack is kept once for all of them, and nobody can write into it by mistake."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import given, settings

from state.folding.account import Account
from state.folding.tally import Tally
from state.shard import Shard
from state.sparse import NOTHING, Sparse, alike
from state.spells import Tenure
from tests.state.company import Image, decode, model, reencode, release, rules, transaction
from tests.state.test_fold import HISTORIES, as_change

#: what is in use in almost every account
OWN = {"dirty", "items", "positions", "rows", "tiers", "totals"}


def dictionaries(of: Sparse) -> dict[str, Mapping[Any, Any]]:
    """Slot -> the dictionary in it."""
    slots = [slot for kind in type(of).__mro__ for slot in getattr(kind, "__slots__", ())]
    return {slot: held for slot in slots if isinstance(held := getattr(of, slot), Mapping) and slot != "steps"}


def test_a_new_account_has_no_dictionaries_but_those_that_all_use() -> None:
    """Whoever writes into one of the others without `own` is refused, and `own` gives one to this account alone."""
    account, other = Account("A-1", {}), Account("A-2", {})
    for slot, held in dictionaries(account).items():
        assert (held is NOTHING) == (slot not in OWN), slot
    for sparse in (*dictionaries(account).values(), *dictionaries(Tally()).values(), *dictionaries(Tenure()).values()):
        if sparse is NOTHING:
            with pytest.raises(TypeError):
                operator.setitem(cast("dict[str, int]", sparse), "anything", 1)
    account.own("faults")["anything"] = 1
    assert account.faults is account.own("faults") and other.faults is NOTHING
    account.drop("faults", "anything")
    assert account.faults is NOTHING


@settings(max_examples=40, deadline=None)
@given(HISTORIES)
def test_what_is_empty_again_is_given_back(history: list[tuple[str, int, Image | None]]) -> None:
    """After any history what is empty is the shared one, and it still is empty.

    Planted break, seen to fail: `drop` that leaves the dictionary of the account where it is.
    """
    shard = Shard(model(), decode, rules(), reencode=reencode)
    for number, step in enumerate(history):
        clock = 1000 + number * 50
        shard.apply(release(clock, transaction(clock, as_change(*step)), live=number > 4, went_live=number == 5))
    for account in shard.accounts():
        for part in (account, account.tenure, *account.tallies.values()):
            for slot, held in dictionaries(part).items():
                assert held or held is NOTHING or slot in OWN, slot
    assert not NOTHING


def test_the_same_currencies_are_one_dictionary() -> None:
    """Accounts that are alike share it, and cannot change one another's."""
    first = alike({"billing": "EUR", "erp": None})
    assert alike({"billing": "EUR", "erp": None}) is first != alike({"billing": "USD"})
    with pytest.raises(TypeError):
        operator.setitem(cast("dict[str, str | None]", first), "billing", "USD")
