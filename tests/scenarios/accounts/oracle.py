"""Where every row belongs, said once more and differently: after each transaction anew, from all live rows.

What cannot be said of the rows alone is carried on as plain sets: which accounts were known, which merges were in force,
which deleted rows of merged accounts others hang on.
"""

from __future__ import annotations

from tests.scenarios.accounts.world import Columns, Op

Row = tuple[str, str]
#: table -> (column with the parent's key, parent table), or None and the column that names an account
PARENT = {
    "invoices": ("account_id", "accounts"),
    "subscriptions": ("account_id", "accounts"),
    "payments": ("invoice_id", "invoices"),
    "shares": ("payment_id", "payments"),
    "bookings": ("party", "parties"),
}
NAME = {"accounts": "number", "credits": "number", "parties": "number"}
OWN = ("accounts", "parties")


class Oracle:
    """All live rows, and what was so before."""

    def __init__(self) -> None:
        self.rows: dict[Row, Columns] = {}
        self.known: set[str] = set()
        self.force: dict[str, str] = {}
        self.ghosts: dict[Row, str] = {}

    def commit(self, ops: list[Op]) -> None:
        """One transaction."""
        old = dict(self.rows)
        for op in ops:
            if op.columns is None:
                self.rows.pop((op.table, op.key), None)
            else:
                self.rows[op.table, op.key] = op.columns
        gone = {row: c["number"] or "" for row, c in old.items() if row[0] == "accounts" and row not in self.rows}
        self.ghosts = {row: name for row, name in (self.ghosts | gone).items() if row not in self.rows}
        defined = {c["number"] or "" for (table, _), c in self.rows.items() if table == "accounts"}
        self.known |= defined
        self._merge()
        self.ghosts = {row: name for row, name in self.ghosts.items() if name in self.force}
        self._forget(defined)

    def account_of(self, row: Row) -> str | None:
        """The account that a row belongs to, None if it waits."""
        end = self._end(row, set())
        if end is None or end not in self.known | self.force.keys():
            return None
        return end if row[0] in OWN else self.into(end)

    def paid(self) -> dict[str, int]:
        """What each invoice of an account is paid, by payments of the same account: by their shares, else by their own column."""
        out = {key: 0 for (table, key) in self.rows if table == "invoices" and self.account_of((table, key))}
        for (table, key), columns in self.rows.items():
            if table != "payments" or (account := self.account_of((table, key))) is None:
                continue
            mine = [c for (t, _), c in self.rows.items() if t == "shares" and c["payment_id"] == key]
            for one in mine or [columns]:
                if self.account_of(("invoices", one["invoice_id"] or "")) == account:
                    out[one["invoice_id"] or ""] += int(one["total"] or 0)
        return out

    def into(self, account: str) -> str:
        """The end of the chain of merges."""
        return self.into(self.force[account]) if account in self.force else account

    def _end(self, row: Row, seen: set[Row]) -> str | None:
        columns = self.rows.get(row)
        if columns is None or row in seen:
            return self.ghosts.get(row)
        if row[0] in PARENT:
            column, table = PARENT[row[0]]
            return self._end((table, columns[column] or ""), seen | {row})
        return (columns[NAME[row[0]]] or "").upper()

    def _marks(self) -> list[tuple[int, str, str, str]]:
        """(table, key, account that is gone, account that stays) of every mark that says something."""
        out: list[tuple[int, str, str, str]] = []
        for (table, key), columns in self.rows.items():
            mine = columns.get("number") or ""
            if table == "accounts" and (lost := columns["merged_from"]):
                if lost != mine and not any(t == table and c["number"] == lost for (t, _), c in self.rows.items()):
                    out.append((0, key, lost, mine))
            elif table == "parties":
                other = self.rows.get((table, columns["replaced_by"] or ""), columns)
                if other["number"] != mine:
                    out.append((1, key, mine, other["number"] or ""))
        return sorted(out)

    def _merge(self) -> None:
        marks = self._marks()
        self.force = {lost: to for lost, to in self.force.items() if (lost, to) in {mark[2:] for mark in marks}}
        changed = True
        while changed:
            changed = False
            for lost in sorted({mark[2] for mark in marks} - self.force.keys()):
                for _, _, _, to in (mark for mark in marks if mark[2] == lost):
                    if lost not in self.force and to in self.known | self.force.keys() and self.into(to) != lost:
                        self.force[lost], changed = to, True

    def _forget(self, defined: set[str]) -> None:
        """An account stays known while it is defined, something is merged into it, or rows are under it."""
        stays = defined | set(self.force.values())
        for row in self.rows:
            end = self._end(row, set())
            if end is not None and end in self.known | self.force.keys() and (row[0] in OWN or end not in self.force):
                stays.add(end)
        self.known = stays
