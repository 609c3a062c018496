"""A cut may take as long as the broker allows; a setting beyond that refuses the start and says which of the two to change."""

from __future__ import annotations

import uuid

import pytest

from dataflows.settings import Settings, load_settings
from dataflows.start import StartRefused, end_older
from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack


def test_the_default_is_what_brokers_allow(stack: RunningStack) -> None:
    """A broker that was not configured takes it; beyond it the start is refused, by name."""
    name = f"test-timeout-{uuid.uuid4().hex[:8]}"
    settings = load_settings(kafka=stack.addresses.kafka, transaction_timeout_ms=900_000)
    assert Settings.model_fields["transaction_timeout_ms"].default == settings.transaction_timeout_ms
    end_older(settings, name)
    longer = settings.model_copy(update={"transaction_timeout_ms": 900_001})
    with pytest.raises(StartRefused, match=r"CONCORD_TRANSACTION_TIMEOUT_MS is 900001.*transaction\.max\.timeout\.ms"):
        end_older(longer, name)
