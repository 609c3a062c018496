"""Kafka as the flows use it: topics, offsets, restore, one transaction a cut."""
