"""Which peers are measured, in which versions; `concord bench peers --lock` resolves them into java.lock."""

from __future__ import annotations

KAFKA_STREAMS = "4.4.0"
FLINK = "2.2.1"
FLINK_KAFKA = "5.0.0-2.2"
AVRO = "1.12.0"
COMPILER = "3.43.0"

_DECODING = (f"org.apache.avro:avro:{AVRO}!", "org.slf4j:slf4j-simple:1.7.36!")
# the planner's loader brings the planner without Scala; the connector for SQL brings Kafka's client inside it
GROUPS: dict[str, tuple[str, ...]] = {
    "compiler": (f"org.eclipse.jdt:ecj:{COMPILER}!",),
    "kstreams": (f"org.apache.kafka:kafka-streams:{KAFKA_STREAMS}!", *_DECODING),
    "flink": (
        f"org.apache.flink:flink-clients:{FLINK}!",
        f"org.apache.flink:flink-table-api-java-bridge:{FLINK}!",
        f"org.apache.flink:flink-table-planner-loader:{FLINK}!",
        f"org.apache.flink:flink-table-runtime:{FLINK}!",
        f"org.apache.flink:flink-json:{FLINK}!",
        f"org.apache.flink:flink-sql-connector-kafka:{FLINK_KAFKA}!",
        f"org.apache.flink:flink-connector-base:{FLINK}!",
        *_DECODING,
    ),
}
