"""avro room."""
