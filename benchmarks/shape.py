"""What a workload is asked to be like."""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """What a workload is like; datasets are cached under it. `changes` and `accounts` must be at least 1."""

    changes: int
    accounts: int
    seed: int = 7
    hot: float = 0.0
    """share of the acts that are about account 1"""
    invoices_only: bool = False
    """every act is an invoice with its payments"""
    bulk_rows: int = 0
    """rows of one billing transaction over all accounts, right after the sign-ups; 0: none"""

    @property
    def name(self) -> str:
        """A folder's name, different for each shape."""
        return "-".join(str(int(part) if isinstance(part, bool) else part) for part in self)
