"""The real components as plain processes: Kafka, Connect with Debezium, registry, PostgreSQL, Valkey."""
