"""Keeps the history in DuckDB, runs the files of sql/, and publishes what people open."""
