"""The adapter of Request Tracker against Request Tracker 5: a customer's service level, read back from its own tables."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

import psycopg

from connectors.targets.description import Timeouts, parsed, raw
from connectors.targets.request_tracker import FieldPlace, RequestTrackerDescription, RequestTrackerTarget
from connectors.targets.request_tracker_session import RequestTrackerSession
from stack.fault_proxy import Fault, FaultProxy
from tests.conformance.subject import PATIENT_MS, Case, Subject, When, hurried

LEVELS = ("standard", "premium", "enterprise")
#: (value, disabled) of each row that the service level of one account's group ever had, oldest first
LEVEL_ROWS = """
SELECT v.content, v.disabled FROM objectcustomfieldvalues v JOIN customfields f ON f.id = v.customfield
WHERE f.name = 'Org Entitlement' AND v.objecttype = 'RT::Group' AND v.objectid IN (
    SELECT a.objectid FROM objectcustomfieldvalues a JOIN customfields g ON g.id = a.customfield
    WHERE g.name = 'Org Canonical Account' AND a.objecttype = 'RT::Group' AND a.disabled = 0 AND a.content = %s)
ORDER BY v.id
"""


class RequestTrackerSubject(Subject):
    """Groups of customers."""

    name = "support"
    object = "entitlement"

    def __init__(self, proxy: FaultProxy, url: str, login: tuple[str, str], database: str) -> None:
        self.proxy, self._login = proxy, login
        shipped = parsed("request_tracker", raw("request_tracker"), RequestTrackerDescription)
        place = shipped.objects["entitlement"]["service_level"]
        widened = FieldPlace(custom_field=place.custom_field, values={**place.values, "platinum": "support:platinum"})
        objects = {**shipped.objects, "entitlement": {"service_level": widened}}
        self._description = shipped.model_copy(update={"objects": objects})
        self._person = RequestTrackerSession(url, *login, Timeouts(answer_ms=PATIENT_MS), 1)
        self._database = psycopg.connect(database, autocommit=True)

    def target(self, answer_ms: int = PATIENT_MS) -> RequestTrackerTarget:
        """With the shipped description, more patient, and with a value that this RT does not allow."""
        patient = self._description.model_copy(update=hurried(self._description, answer_ms))
        return RequestTrackerTarget("support", patient, self.proxy.url, self._login)

    def case(self) -> Case:
        """A new account; its group is made by the first correction."""
        account = f"A-{uuid.uuid4().hex[:10]}"
        return Case(account, account)

    def desired(self, case: Case, step: int) -> Mapping[str, str]:
        """Three service levels."""
        return {"service_level": LEVELS[step]}

    def requests(self, step: int) -> Mapping[str, When]:
        """A group is made with its fields; later they are set."""
        method = "POST" if step == 0 else "PUT"
        return {"group": lambda request: request.method == method and request.path.startswith("/REST/2.0/group")}

    def truth(self, case: Case) -> Mapping[str, str] | None:
        """From RT's tables."""
        levels = [content for content, disabled in self._rows(case) if not disabled]
        return {"service_level": " and ".join(level.removeprefix("support:") for level in levels)} if levels else None

    def effects(self, case: Case) -> int:
        """A change of a custom field adds a row and disables the old one."""
        return len(self._rows(case))

    def leftovers(self, case: Case) -> int:
        """Groups of the account besides one."""
        words = (
            "SELECT count(DISTINCT v.objectid) FROM objectcustomfieldvalues v JOIN customfields f ON f.id = v.customfield "
            "WHERE v.objecttype = 'RT::Group' AND f.name = 'Org Canonical Account' AND v.content = %s AND v.disabled = 0"
        )
        row = self._database.execute(words, (case.account,)).fetchone()
        assert row is not None
        return max(0, int(row[0]) - 1)

    def traces(self, case: Case) -> list[str]:
        """Every value that the field of corrections has had."""
        words = (
            "SELECT v.content FROM objectcustomfieldvalues v JOIN customfields f ON f.id = v.customfield "
            "JOIN groups g ON g.id = v.objectid WHERE v.objecttype = 'RT::Group' AND f.name = 'Org Correction' "
            "AND g.name = %s ORDER BY v.id"
        )
        return [str(row[0]) for row in self._database.execute(words, (case.account,)).fetchall()]

    def edit_other(self, case: Case, text: str) -> None:
        """The group's description."""
        self._person.write("PUT", f"/group/{self._group(case)}", {"Description": text})

    def other(self, case: Case) -> str:
        """The group's description."""
        row = self._database.execute("SELECT description FROM groups WHERE id = %s", (self._group(case),)).fetchone()
        assert row is not None
        return str(row[0])

    def edit_ours(self, case: Case) -> None:
        """A person sets another level."""
        fields = {"Org Entitlement": f"support:{LEVELS[2]}"}
        self._person.write("PUT", f"/group/{self._group(case)}", {"CustomFields": fields})

    def refusal(self, case: Case) -> tuple[Mapping[str, str], str]:
        """A level that the field does not allow."""
        return {"service_level": "platinum"}, "NOT_TAKEN"

    def not_let_in(self) -> list[Fault]:
        """RT sends the request to its front page, and shows the login page again."""
        moved = Fault("answer", self.requests(0)["group"], status=302, headers={"Location": "/"})
        return [moved, Fault("answer", lambda request: request.path.startswith("/NoAuth"), status=200, body=b"<html>")]

    def did_nothing(self) -> Fault:
        """201 for a group that is not there."""
        return Fault("answer", self.requests(0)["group"], status=201, body=b'{"id": "999999"}')

    def partly(self) -> Fault:
        """The service level is lost, the rest arrives."""

        def without_level(body: bytes) -> bytes:
            fields = json.loads(body)
            del fields["CustomFields"]["Org Entitlement"]
            return json.dumps(fields).encode()

        return Fault("pass", self.requests(0)["group"], rewrite=without_level)

    def close(self) -> None:
        """The person and the reader of tables go."""
        self._person.close()
        self._database.close()

    def _rows(self, case: Case) -> list[tuple[str, int]]:
        rows = self._database.execute(LEVEL_ROWS, (case.account,)).fetchall()
        return [(str(content), int(disabled)) for content, disabled in rows]

    def _group(self, case: Case) -> int:
        row = self._database.execute("SELECT id FROM groups WHERE name = %s", (case.account,)).fetchone()
        assert row is not None
        return int(row[0])
