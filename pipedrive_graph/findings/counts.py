"""Writes the statistics of a batch: findings by status and severity, and the outcome of each rule."""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.sql_project import Models

STATUSES = ("open", "waived", "resolved")


def write_counts(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Write the counts of the companies in landing.batch, after the rules have run and waivers are applied.

    Decisions made after the snapshot count in the next snapshot, so that `rebuild` gives the same counts.

    Args:
        connection: the warehouse, in the transaction in which the rules have run.
        models: all models, including the steps.
    """
    steps.make(connection, models, "lifecycle.finding_counts", "lifecycle.rule_runs")
    steps.execute(connection, "INSERT INTO history.finding_counts BY NAME FROM lifecycle.finding_counts")
    connection.execute("DELETE FROM history.rule_runs WHERE company IN (SELECT company FROM landing.batch)")
    steps.execute(connection, "INSERT INTO history.rule_runs BY NAME FROM lifecycle.rule_runs")
