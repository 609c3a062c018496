"""The mapping files: their language, loading, ownership rules, versions."""
