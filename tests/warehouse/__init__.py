"""Tests of the warehouse: models of sql/, ingestion, and tables."""
