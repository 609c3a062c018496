"""Is it up? One question a component, each answered by the component itself, and the wait around it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stack.errors import StackError
from stack.layout import HOST, Addresses

POLL_SECONDS = 0.1


def kafka_ready(addresses: Addresses) -> str | None:
    """None if the broker answers a metadata request, else why not."""
    host, _, port = addresses.kafka.split(",")[0].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
            pass
    except (OSError, ValueError) as error:
        return f"no connection to {addresses.kafka}: {error}"
    client = AdminClient(
        {
            "bootstrap.servers": addresses.kafka,
            "log_level": 0,
            "socket.timeout.ms": 5000,
        }
    )
    try:
        brokers = client.list_topics(timeout=5).brokers
    except KafkaException as error:
        return f"no metadata from {addresses.kafka}: {error}"
    return None if brokers else f"{addresses.kafka} knows no broker"


def http_ready(url: str) -> str | None:
    """None if a GET is answered with 2xx, else why not."""
    try:
        response = httpx.get(url, timeout=3, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no answer from {url}: {error}"
    return None if response.is_success else f"{url} answered {response.status_code}"


def connect_ready(addresses: Addresses) -> str | None:
    """None if Connect's REST interface lists its connectors (it does so only once it joined its group)."""
    return http_ready(f"{addresses.connect}/connectors")


def registry_ready(addresses: Addresses) -> str | None:
    """None if the registry lists its subjects through the Confluent-compatible API, else why not."""
    apicurio = http_ready(f"{addresses.registry}/apis/ccompat/v7/subjects")
    return None if apicurio is None else http_ready(f"{addresses.registry}/subjects") and apicurio


def postgres_ready(addresses: Addresses) -> str | None:
    """None if the server takes a connection, else why not."""
    try:
        psycopg.connect(addresses.postgres, dbname="postgres", connect_timeout=3).close()
    except psycopg.Error as error:
        return f"no connection to {addresses.postgres}: {str(error).strip()}"
    return None


def redis_ready(addresses: Addresses) -> str | None:
    """None if PING is answered (also with 'authentication required' or 'loading': then it is not ready), else why not."""
    parts = urlsplit(addresses.redis)
    try:
        with socket.create_connection((parts.hostname or HOST, parts.port or 6379), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
    except OSError as error:
        return f"no connection to {addresses.redis}: {error}"
    ready = answer.startswith((b"+PONG", b"-NOAUTH"))
    return None if ready else f"{addresses.redis} answered {answer.decode(errors='replace').strip()}"


def wait_ready(
    ask: Callable[[], str | None],
    died: Callable[[], StackError | None],
    timeout_seconds: float,
) -> str | None:
    """Ask until the answer is None; raises what `died` returns as soon as it returns something; else the last reason."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        reason = ask()
        if reason is None:
            return None
        error = died()
        if error is not None:
            raise error
        if time.monotonic() > deadline:
            return reason
        time.sleep(POLL_SECONDS)


def require_free(port: int, name: str, port_base: int) -> None:
    """StackError if something listens on the port of a component that is about to start."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StackError(
                f"port {port}, which {name} needs, is taken{owner_of(port)}",
                f"end that process, or set CONCORD_PORT_BASE (now {port_base}) to move all ports of the stack",
            ) from error


def owner_of(port: int) -> str:
    """' by NAME (pid N)' if the system tells, else nothing."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return ""
