"""The HTTP client of every adapter: one address, bounded connections, the two time limits of the description."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from connectors.targets.description import Timeouts

#: seconds after which an idle connection is not used again: Apache, Node.js and uvicorn close theirs after five, and a
#: write that is sent at that moment would be in doubt
IDLE_S = 3.0


def open_client(
    base_url: str,
    timeouts: Timeouts,
    concurrency: int,
    headers: Mapping[str, str],
    transport: httpx.BaseTransport | None = None,
    auth: tuple[str, str] | None = None,
) -> httpx.Client:
    """A client with at most `concurrency` connections; `transport` takes the network's place in tests."""
    return httpx.Client(
        base_url=base_url,
        transport=transport,
        auth=auth,
        timeout=httpx.Timeout(timeouts.answer_ms / 1000, connect=timeouts.connect_ms / 1000),
        limits=httpx.Limits(
            max_connections=concurrency, max_keepalive_connections=concurrency, keepalive_expiry=IDLE_S
        ),
        headers=headers,
    )
