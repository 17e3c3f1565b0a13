"""Keeps the counts of a batch: findings by status and severity, and how each rule was run."""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.sql_project import Models

STATUSES = ("open", "waived", "resolved")


def tally(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Keep the counts of the companies in landing.batch, after the rules were run and waivers applied.

    What is decided by day, after the snapshot, is counted in the next one: so `rebuild` counts the same.

    Args:
        connection: the warehouse, in the transaction in which the rules were run.
        models: the steps are among them.
    """
    steps.make(connection, models, "lifecycle.finding_counts", "lifecycle.rule_runs")
    connection.execute("INSERT INTO history.finding_counts BY NAME FROM lifecycle_finding_counts")
    connection.execute("DELETE FROM history.rule_runs WHERE company IN (SELECT company FROM landing.batch)")
    connection.execute("INSERT INTO history.rule_runs BY NAME FROM lifecycle_rule_runs")
