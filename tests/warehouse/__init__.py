"""Tests of the warehouse: models in sql/, the tables they become, and ingesting."""
