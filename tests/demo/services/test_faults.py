"""Each switched fault fails in its own way, as often as it was told, and says nothing about the effect."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.demo.services.company import Company

PATH = "/organizations/A-000001"


def level(company: Company, name: str, key: str = "k") -> httpx.Response:
    """One keyed write of the service level on version 1."""
    return company.support.put(PATH, {"service_level": name}, If_Match='"1"', Idempotency_Key=key)


def test_drop_before_commit_leaves_nothing(company: Company) -> None:
    """The connection breaks without an answer and nothing was written; the same request then works."""
    company.support.fault("drop_before_commit", count=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        level(company, "premium")
    assert company.support.effects() == {}
    assert level(company, "premium").status_code == 200


def test_drop_after_commit_leaves_the_effect(company: Company) -> None:
    """The connection breaks without an answer and the write is there; the same key gets its answer, no second effect."""
    company.support.fault("drop_after_commit", count=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        level(company, "premium")
    assert company.support.http.get(PATH).json()["service_level"] == "premium"
    assert level(company, "premium").headers["Idempotent-Replay"] == "true"
    assert company.support.effects() == {"k": 1}


def test_throttle_says_when_to_come_back(company: Company) -> None:
    """429 with Retry-After, as often as counted."""
    company.support.fault("throttle", count=2, retry_after_s=3)
    answers = [level(company, "premium") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "3"


def test_error_is_500_and_can_be_switched_off(company: Company) -> None:
    """Without a count it stays until it is switched off."""
    company.support.fault("error")
    assert [level(company, "premium").status_code for _ in range(3)] == [500, 500, 500]
    company.support.no_faults()
    assert level(company, "premium").status_code == 200


@pytest.mark.parametrize("kind", ["delay", "delay_after_commit"])
def test_delay_takes_its_time(company: Company, kind: str) -> None:
    """The answer comes late, before or after the effect."""
    company.support.fault(kind, count=1, delay_ms=300)
    started = time.monotonic()
    assert level(company, "premium").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_probability_strikes_some(company: Company) -> None:
    """A fault with a probability strikes about that share of the requests."""
    company.support.fault("error", probability=0.5)
    struck = sum(level(company, "premium", f"k{n}").status_code == 500 for n in range(60))
    assert 15 <= struck <= 45


def test_reads_are_spared_unless_named(company: Company) -> None:
    """Faults are about writes unless `methods` says otherwise."""
    company.support.fault("error")
    assert company.support.http.get(PATH).status_code == 200
    company.support.fault("error", methods=["GET"])
    assert company.support.http.get(PATH).status_code == 500


@pytest.mark.parametrize(
    "fault", [{"kind": "meteor"}, {"kind": "delay", "colour": 1}, {"kind": "delay", "count": "many"}]
)
def test_unknown_fault_is_refused(company: Company, fault: dict[str, object]) -> None:
    """The control endpoint names what is wrong with a fault."""
    answer = company.support.http.post("/control/faults", json=fault)
    assert answer.status_code == 422
    assert answer.json()["message"]
