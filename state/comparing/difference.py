"""Facets + ownership rules -> differences: where a target does not show what the owner says. Reads, never writes."""

from __future__ import annotations

from state.comparing import support
from state.comparing.bookings import booked_note
from state.comparing.compared import COMPARED, Difference, Values
from state.comparing.customer import Customers
from state.comparing.ledger import Ledger
from state.folding.account import Account
from state.folding.amounts import Units
from state.folding.entitlement import Entitled
from state.model import Model
from state.roles import POSITION, Ref
from state.rules import Rule
from state.viewing.flags import flags

#: what may be blocked, kept once for all accounts
_NOTHING: frozenset[str] = frozenset()
_EVERYTHING = frozenset(COMPARED)


class Differences:
    """Compares the objects of an account with what the rules say about them."""

    def __init__(self, model: Model) -> None:
        self._exponents = model.exponents
        self._of_system = {source.system: source.name for source in reversed(model.sources)}
        self._ledger = Ledger(model)
        self._customers = Customers(Units(model.folded), model.exponents)

    def blocked(self, account: Account) -> frozenset[str]:
        """Kinds of objects of which nothing may be derived now; empty for almost every account."""
        item = account.items.get(("account", account.id))
        if item is None or item.billing is None or account.merged_into is not None:
            return _EVERYTHING
        if item.extra is not None and any(item.extra.get(system) for system in ("billing", "erp")):
            return _EVERYTHING
        if account.stale or account.currency.get("billing") not in self._exponents:
            return _EVERYTHING
        if not account.faults:
            return _NOTHING
        faulty = {fault.object for fault in account.faults.values()}
        return frozenset(name for name, compared in COMPARED.items() if compared.blocked_by & faulty)

    def find(self, account: Account, rule: Rule, object_id: str, now: Entitled) -> Difference | None:
        """The difference of one object, None if owner and target agree or nothing may be derived from it."""
        match rule.object:
            case "entitlement":
                return support.entitlement(account, now)
            case "standing":
                return support.standing(account, now)
            case "customer":
                return self._customers.customer(account, now, rule.tolerance_minor)
            case "escalation":
                return self._customers.escalation(account)
        item = account.items.get((COMPARED[rule.object].kind, object_id))
        if item is None or item.billing is None or flags(account, item):
            return None
        if rule.object == "credit":
            return self._ledger.credit(account, item, item.billing, rule.tolerance_minor)
        find = self._ledger.invoice if rule.object == "invoice" else self._ledger.schedule
        return find(account, item, item.billing, rule.tolerance_minor)

    def shown(self, account: Account, rule: Rule, object_id: str) -> Values | None:
        """What the target shows of an object now, None if it lacks the object."""
        ref = self._target_row(account, rule, object_id)
        if ref is None:
            return None
        match rule.object:
            case "invoice":
                return self._ledger.shown_invoice(account, ref, object_id)
            case "schedule":
                return self._ledger.shown_schedule(account, ref, object_id)
            case "credit":
                return self._ledger.shown_credit(account, ref, object_id)
            case "customer" | "escalation":
                return self._customers.shown(account, ref, rule.object)
        return support.organization(account, ref, rule.object)

    def positions(self, account: Account, rule: Rule, object_id: str) -> dict[str, int]:
        """Per source the position of the newest row that contributes; 0 where the target has none."""
        compared = COMPARED[rule.object]
        if compared.whole and compared.made_of != "account":
            items = [item for key, item in account.items.items() if key[0] == compared.made_of]
        else:
            items = [item] if (item := account.items.get((compared.made_of, object_id))) else []
        ours = [ref for item in items if (ref := getattr(item, compared.owner)) is not None]
        theirs = self._target_row(account, rule, object_id)
        return {
            self._of_system[rule.owner]: self._newest(account, ours),
            self._of_system.get(rule.target, rule.target): self._newest(account, [theirs] if theirs else []),
        }

    def _newest(self, account: Account, refs: list[Ref]) -> int:
        """Position of the newest of these rows and of their lines."""
        lines = [line for ref in refs if (tally := account.tallies.get(ref)) for line in tally.lines]
        return max((account.rows[ref][POSITION] for ref in [*refs, *lines]), default=0)

    @staticmethod
    def _target_row(account: Account, rule: Rule, object_id: str) -> Ref | None:
        compared = COMPARED[rule.object]
        item = account.items.get((compared.kind, account.id if compared.whole else object_id))
        if item is None:
            return None
        ref: Ref | None = booked_note(account, item) if rule.object == "credit" else getattr(item, compared.system)
        return ref
