"""Which versions the stack runs; `docker-compose.yml` must say the same, and a test compares them."""

from __future__ import annotations

KAFKA = "4.4.0"
DEBEZIUM = "3.7.0.Final"
CONVERTER = "2.6.13.Final"
REGISTRY = "3.3.3"
POSTGRES = "18.6"
VALKEY = "8.1.8"

# what `concord stack lock` resolves, with everything that it needs in turn; `!` keeps Maven's own rule that a
# dependency's version management does not apply to its neighbours
GROUPS: dict[str, tuple[str, ...]] = {
    "kafka": (
        f"org.apache.kafka:kafka_2.13:{KAFKA}!",
        f"org.apache.kafka:connect-runtime:{KAFKA}!",
        f"org.apache.kafka:connect-json:{KAFKA}!",
        f"org.apache.kafka:connect-transforms:{KAFKA}!",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5!",
    ),
    "debezium-postgres": (f"io.debezium:debezium-connector-postgres:{DEBEZIUM}!",),
    "apicurio-converter": (f"io.apicurio:apicurio-registry-utils-converter:{CONVERTER}!",),
}
REGISTRY_ARCHIVE = f"io.apicurio:apicurio-registry-app:tar.gz:all:{REGISTRY}"
PLUGINS = ("debezium-postgres", "apicurio-converter")

# what Kafka brings itself must not stand a second time in a plugin's folder
PLUGIN_EXCLUSIONS = (
    "org.apache.kafka",
    "org.slf4j",
    "com.github.luben",
    "org.lz4",
    "at.yawk.lz4",
    "org.xerial.snappy",
)
CONVERTER_CLASS = "io.apicurio.registry.utils.converter.AvroConverter"
