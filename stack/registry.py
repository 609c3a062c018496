"""The schema registry: Apicurio, which keeps its schemas and ids in PostgreSQL so that a restart finds them."""

from __future__ import annotations

from psycopg.conninfo import conninfo_to_dict

from stack import versions
from stack.component import Component
from stack.health import registry_ready
from stack.jars import JarCache
from stack.java import java
from stack.layout import HOST, Addresses, Layout
from stack.process import Launch

HEAP_MB = 128


class Registry(Component):
    """Apicurio Registry; clients use its Confluent-compatible API below /apis/ccompat/v7."""

    name = "registry"
    version = versions.REGISTRY
    needs = ("postgres",)
    ports = ("registry", "registry-management")

    def prepare(self, layout: Layout, jars: JarCache) -> Launch:
        """Everything is set by environment variables."""
        command = java(HEAP_MB, "-jar", str(jars.registry_home / "quarkus-run.jar"))
        environment = {
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(layout.port("registry")),
            # its health endpoint is a second server, by default port 9000 on every interface
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(layout.port("registry-management")),
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            **storage(layout.addresses().postgres),
        }
        return Launch(command, cwd=jars.registry_home, environment=environment)

    def ready(self, addresses: Addresses) -> str | None:
        """Whether it lists its subjects."""
        return registry_ready(addresses)


def storage(conninfo: str) -> dict[str, str]:
    """Apicurio's storage settings for the database `registry` of a PostgreSQL server given in libpq's form."""
    server = conninfo_to_dict(conninfo)
    return {
        "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "20",
        # after a restart of PostgreSQL the pool holds dead connections: without this each answers one request with 500,
        # and one such answer ends a connector's task for good
        "QUARKUS_DATASOURCE_POSTGRESQL_JDBC_VALIDATE_ON_BORROW": "true",
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "postgresql",
        "APICURIO_DATASOURCE_URL": f"jdbc:postgresql://{server.get('host') or HOST}:{server.get('port') or 5432}/registry",
        "APICURIO_DATASOURCE_USERNAME": str(server.get("user") or "postgres"),
        "APICURIO_DATASOURCE_PASSWORD": str(server.get("password") or "unused: trust on loopback"),
    }
