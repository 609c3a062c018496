"""Objects that one account lost and another may have got in the slices of one large transaction.

Slices come account by account, so the record of where an object went may have been written before the tombstone of where it
was. Both have the object's key: without another word the newest says that it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from state.accounts import Accounts
from state.folding.account import Account
from state.output import Output
from state.row import Release


class Ended:
    """What was ended, and who was touched, since the transaction began."""

    def __init__(self) -> None:
        """Nothing, nobody."""
        self._objects: dict[tuple[str, str], None] = {}
        self._touched: dict[str, None] = {}

    def note(self, release: Release, out: Output, touched: Iterable[str]) -> None:
        """A release has made these records of these accounts; only slices count."""
        if release.whole:
            return
        self._objects |= {(kind, identity): None for kind, identity, _, body in out.records if body is None}
        self._touched |= dict.fromkeys(touched)

    def show_again(self, accounts: Accounts, touched: dict[str, Account]) -> None:
        """The last slice: what was ended and is some account's is written once more."""
        for name in self._touched if self._objects else ():
            if name in accounts:
                account = accounts.of(name)
                for key in self._objects.keys() & account.items.keys():
                    account.dirty.setdefault(key, account.touched_ms)
                    touched[name] = account
        self._objects, self._touched = {}, {}
