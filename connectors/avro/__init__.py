"""Avro readers and writers compiled per schema to straight-line Python; fastavro is their oracle and their fallback."""

from connectors.avro.errors import AvroError, DecodeError, EncodeError, OutOfRange, SchemaError, UnknownPath
from connectors.avro.reader import compile_reader
from connectors.avro.schema import parse_schema
from connectors.avro.writer import compile_writer, frame_prefix

__all__ = [
    "AvroError",
    "DecodeError",
    "EncodeError",
    "OutOfRange",
    "SchemaError",
    "UnknownPath",
    "compile_reader",
    "compile_writer",
    "frame_prefix",
    "parse_schema",
]
