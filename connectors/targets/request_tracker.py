"""The adapter of Request Tracker 5: an account is a group, what it may have are the group's custom fields.

RT answers 200 to what it does not do, its If-Match is not atomic and there are no keys: one writer per group (the planner's
lanes see to that), a read after every write, and duplicates are found because a group's name is unique.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field

from connectors.targets.description import AdapterDescription
from connectors.targets.guard import Guard, utc_now
from connectors.targets.protocol import BusinessRefusal, Conflict, Declared, Misconfigured, Snapshot, Write
from connectors.targets.request_tracker_session import RequestTrackerSession
from state.correcting.lane import Promise

Record = dict[str, Any]
#: what RT keeps of a custom field in its table of values
TEXT_MAX = 255


class FieldPlace(BaseModel):
    """Where one canonical field lies: a custom field, and its values for ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    custom_field: str
    values: dict[str, str] = Field(min_length=1)


class RequestTrackerDescription(AdapterDescription):
    """How this Request Tracker names accounts and what is written to them."""

    adapter: Literal["request_tracker"]
    account_field: str
    trace_field: str | None = None
    objects: dict[str, dict[str, FieldPlace]] = Field(min_length=1)


class RequestTrackerTarget:
    """One Request Tracker. `transport` replaces the network in tests; `now` is the clock of Retry-After and the breaker."""

    def __init__(
        self,
        name: str,
        description: RequestTrackerDescription,
        base_url: str,
        login: tuple[str, str],
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = name
        self._description = description
        self.promise = Promise(
            tier="B",
            concurrency=description.concurrency,
            resources=dict.fromkeys(description.objects, "groups"),
            key_window_ms=None,
            conditional=False,
        )
        self.declares = {
            name: Declared(
                frozenset(places),
                tier_create="B",
                tier_update="B",
                search=f"group by custom field {description.account_field!r}, its name is unique",
                trace=description.trace_field,
                refusals=("NOT_TAKEN", "DUPLICATE_AT_TARGET"),
            )
            for name, places in description.objects.items()
        }
        self._session = RequestTrackerSession(
            base_url, *login, description.timeouts, description.concurrency, transport, now
        )
        self._guard = Guard(name, description.breaker, now)

    def read(self, object_name: str, place: Mapping[str, str]) -> Snapshot | None:
        """The fields of the account's group, or None where there is no group or none of them is set. Raises TargetError."""
        places = self._places(object_name)
        group = self._guard.read(lambda: self._group(place["account_id"]))
        fields = self._shown(group, places) if group else {}
        return Snapshot(fields, None) if any(fields.values()) else None

    def write(self, write: Write) -> None:
        """Set the custom fields, make the group if there is none. Raises TargetError."""
        places = self._places(write.object)
        wanted = self._wanted(write, places)
        self._guard.call(lambda: self._write(write, places, wanted))

    def tidy(self, object_name: str, place: Mapping[str, str], key: str) -> Mapping[str, str]:
        """Nothing to remove: a group's name is unique. Raises TargetError, DUPLICATE_AT_TARGET for two groups."""
        self._guard.read(lambda: self._group(place["account_id"]))
        return {}

    def shows(self, object_name: str, snapshot: Snapshot, desired: Mapping[str, str]) -> bool:
        """Whether every desired field is shown, by canonical value."""
        return all(snapshot.fields.get(name) == text for name, text in desired.items())

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _places(self, object_name: str) -> Mapping[str, FieldPlace]:
        places = self._description.objects.get(object_name)
        if places is None:
            reason = f"request tracker has no object {object_name!r}. Next step: complete its description"
            raise Misconfigured("NOT_WRITABLE", reason)
        return places

    def _wanted(self, write: Write, places: Mapping[str, FieldPlace]) -> dict[str, str]:
        """Custom field -> value, with the correction's trace."""
        wanted = {}
        for name, text in write.desired.items():
            if name not in places:
                reason = f"request tracker cannot write {name!r} of {write.object}. Next step: complete its description"
                raise Misconfigured("NOT_WRITABLE", reason)
            if text not in places[name].values:
                reason = f"the description has no value for {name} = {text!r}. Next step: complete it"
                raise Misconfigured("BAD_DESIRED", f"request tracker: {reason}")
            wanted[places[name].custom_field] = places[name].values[text]
        if self._description.trace_field:
            wanted[self._description.trace_field] = write.trace.text[:TEXT_MAX]
        return wanted

    def _write(self, write: Write, places: Mapping[str, FieldPlace], wanted: Mapping[str, str]) -> None:
        account = write.place["account_id"]
        group = self._group(account)
        before = self._shown(group, places) if group else {}
        if group is None:
            said = self._make(account, wanted)
        else:
            said = self._session.write("PUT", f"/group/{group['id']}", {"CustomFields": dict(wanted)})
        after = self._group(account)
        shown = self._shown(after, places) if after else {}
        if shown == before or not any(shown.values()):
            if all(shown.get(name) == text for name, text in write.desired.items()):
                return
            words = "; ".join(str(one) for one in said) if isinstance(said, list) else str(said)
            text = f"request tracker answered with success and set nothing: {words}"
            raise BusinessRefusal(
                "NOT_TAKEN", f"{text}. Next step: see the values that its field allows", {"said": words}
            )

    def _make(self, account: str, wanted: Mapping[str, str]) -> Any:
        """A group named after the account. Names are unique, so of two that make it one is refused."""
        fields = {**wanted, self._description.account_field: account}
        body = {"Name": account, "Description": f"customer {account}", "CustomFields": fields}
        try:
            return self._session.write("POST", "/group", body)
        except Misconfigured as error:
            if self._search([{"field": "Name", "value": account}]):
                reason = f"request tracker has a group {account!r} by now, or one without the account's number"
                raise Conflict("EXISTS", reason) from error
            raise

    def _group(self, account: str) -> Record | None:
        """The one group that the account's number is written on."""
        field = f"CustomField.{{{self._description.account_field}}}"
        found = self._search([{"field": field, "value": account}])
        if len(found) > 1:
            numbers = ", ".join(str(one["id"]) for one in found)
            reason = f"request tracker has {len(found)} groups for {account}: {numbers}"
            text = f"{reason}. Next step: empty {self._description.account_field!r} of the wrong ones"
            raise BusinessRefusal("DUPLICATE_AT_TARGET", text, {"groups": numbers})
        return self._session.read(f"/group/{found[0]['id']}") if found else None

    def _search(self, query: list[Record]) -> list[Record]:
        found: list[Record] = self._session.read("/groups", {"query": json.dumps(query)})["items"]
        return found

    @staticmethod
    def _shown(group: Record, places: Mapping[str, FieldPlace]) -> dict[str, str]:
        """Our fields of a group in canonical words; a value that we do not know is shown as it is.

        A race may leave two values in a field that allows one: then both are shown, and equal nothing.
        """
        held = {field["name"]: [str(value) for value in field["values"]] for field in group.get("CustomFields", [])}
        shown = {}
        for name, place in places.items():
            canonical = {theirs: ours for ours, theirs in place.values.items()}
            shown[name] = " and ".join(canonical.get(value, value) for value in held.get(place.custom_field, []))
        return shown
