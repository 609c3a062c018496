"""Generated histories of a billing database: whole transactions over accounts, invoices, lines and payments."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from state.model import Model
from state.row import End
from tests.state.streams import PARTITIONS, Streams

Image = dict[str, Any]


def decode(table: int, frame: bytes) -> Image | None:
    """Frames of these histories are JSON: the row image."""
    image: Image | None = json.loads(frame)["after"]
    return image


class History:
    """Writes transactions into `Streams`; keeps reported balances and invoice totals right, as the real one does."""

    def __init__(self, model: Model, seed: int) -> None:
        self.streams = Streams()
        self._tables = {t.name: t for t in model.tables if t.source == "billing"}
        self._random = Random(seed)
        self._lsn = 1000
        self._rows: dict[tuple[str, int], Image] = {}
        self._changes: list[tuple[str, str, int, Image | None]] = []
        self._next = 1

    def write(self, transactions: int) -> Streams:
        """Some sign-ups, then acts by chance."""
        for number in range(transactions):
            accounts = [r for (t, _), r in self._rows.items() if t == "accounts"]
            if number < 2 or not accounts:
                self._sign_up()
            else:
                account = self._random.choice(accounts)
                self._random.choice((self._invoice, self._invoice, self._pay, self._void, self._sign_up))(account)
            self._commit()
        return self.streams

    def _id(self) -> int:
        self._next += 1
        return self._next

    def _put(self, table: str, image: Image) -> None:
        op = "u" if (table, image["id"]) in self._rows else "c"
        self._rows[table, image["id"]] = image
        self._changes.append((table, op, image["id"], image))

    def _sign_up(self, _account: Image | None = None) -> None:
        number = self._id()
        currency = self._random.choice(("EUR", "JPY"))
        self._put("accounts", {
            "id": number, "number": f"A-{number:06d}", "name": f"Name {number}", "currency": currency, "region": "eu",
            "standing": "good", "balance_minor": 0, "created_at": "2026-01-01T00:00:00Z",
        })  # fmt: skip

    def _balance(self, account: Image, by: int) -> None:
        now = self._rows["accounts", account["id"]]
        self._put("accounts", {**now, "balance_minor": now["balance_minor"] + by})

    def _invoice(self, account: Image) -> None:
        number, amounts = self._id(), [self._random.randint(1, 9999) for _ in range(self._random.randint(1, 3))]
        lines = [
            {"id": self._id(), "invoice_id": number, "description": "line", "amount_minor": amount}
            for amount in amounts
        ]
        invoice = {
            "id": number, "account_id": account["id"], "number": f"INV-{number:07d}", "status": "open",
            "total_minor": sum(amounts), "issued_on": 20_000, "due_on": 20_030,
        }  # fmt: skip
        for table, image in [("invoices", invoice)] + [("invoice_lines", line) for line in lines]:
            self._put(table, image)
        self._balance(account, sum(amounts))

    def _open(self, account: Image) -> list[Image]:
        invoices = [r for (t, _), r in self._rows.items() if t == "invoices"]
        return [i for i in invoices if i["account_id"] == account["id"] and i["status"] == "open"]

    def _pay(self, account: Image) -> None:
        for invoice in self._open(account)[:1]:
            self._put("payments", {
                "id": self._id(), "invoice_id": invoice["id"], "amount_minor": invoice["total_minor"],
                "status": "succeeded", "method": "card", "received_at": "2026-01-02T00:00:00Z",
            })  # fmt: skip
            self._put("invoices", {**invoice, "status": "paid"})
            self._balance(account, -invoice["total_minor"])

    def _void(self, account: Image) -> None:
        for invoice in self._open(account)[:1]:
            for (table, key), row in list(self._rows.items()):
                if table == "invoice_lines" and row["invoice_id"] == invoice["id"]:
                    del self._rows[table, key]
                    self._changes.append((table, "d", key, None))
            del self._rows["invoices", invoice["id"]]
            self._changes.append(("invoices", "d", invoice["id"], None))
            self._balance(account, -invoice["total_minor"])

    def _commit(self) -> None:
        out = self.streams
        txid, before = 700 + len(out.ends), out.ends[-1].position if out.ends else 0
        time_ms, written = 1_000 * txid, []
        counts: dict[str, int] = {}
        for order, (name, op, number, image) in enumerate(self._changes, 1):
            self._lsn += 8
            table = self._tables[f"public.{name}"]
            frame = json.dumps({"tx": txid, "order": order, "after": image}).encode()
            out.before[frame] = before
            counts[table.name] = counts.get(table.name, 0) + 1
            column = table.account.column if table.account else None
            link = str(image[column]) if image is not None and column else None
            place = (number % PARTITIONS, 0)
            out.append((table.index, op, str(number), txid, self._lsn, order, link, *place, frame, "", time_ms))
            written.append((table.index, str(number), order))
        self._lsn += 8
        out.ends.append(End(txid, self._lsn, counts, time_ms, len(out.ends)))
        out.commits.append((self._lsn, written))
        self._changes = []
