"""Named functions that make objects of several rows; a mapping refers to them as `<family>.<name>`."""

from __future__ import annotations

from state.derived import killbill, request_tracker, tryton
from state.folding.derivation import Derivation
from state.role import Role

_FAMILIES = {"killbill": killbill, "tryton": tryton, "request_tracker": request_tracker}

#: name -> derivation
DERIVATIONS: dict[str, Derivation] = {one.name: one for family in _FAMILIES.values() for one in family.DERIVATIONS}
#: family -> kind of row -> its role
PARTS: dict[str, dict[str, Role]] = {
    name: {role.object: role for role in family.PARTS} for name, family in _FAMILIES.items()
}
