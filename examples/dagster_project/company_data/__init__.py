"""A Dagster project that uses the identity graph."""
