"""Keeps findings over time: what a rule finds is open; what it no longer finds is resolved on proof only.

Which findings are resolved, and which are seen again, is decided in sql/lifecycle; this module runs the steps
and writes their result into history.findings. Waivers come afterwards (see apply_waivers).
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from pipedrive_graph.findings.evaluate import fire
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

_RESOLVE = steps.written("""
    UPDATE history.findings AS findings
    SET
        status = 'resolved', resolved_reason = resolved.resolved_reason, resolved_at = batch.as_of,
        note = NULL, waiver_reason = NULL, waiver_owner = NULL, waiver_expires = NULL
    FROM lifecycle.resolved AS resolved
    JOIN landing.batch AS batch USING (company)
    WHERE findings.finding_id = resolved.finding_id AND findings.company = batch.company""")

_OPEN = steps.written("""
    INSERT INTO history.findings BY NAME
    SELECT
        firing.* EXCLUDE (as_of), as_of AS first_seen, as_of AS last_seen, 'open' AS status,
        as_of AS opened_at, 0 AS reopened
    FROM lifecycle.firing AS firing
    ANTI JOIN history.findings USING (finding_id)""")


def judge(
    connection: duckdb.DuckDBPyConnection, models: Models, *, broken: Mapping[str, str]
) -> dict[str, int]:
    """Bring history.findings up to date for the companies in landing.batch.

    Args:
        connection: the warehouse, in a transaction.
        models: the rules and the steps are among them.
        broken: why a rule cannot be run in this batch, by its qualified name; what it found before stays.

    Returns:
        How often each rule fires, by its qualified name.

    Raises:
        RuleError: naming the rule that cannot be run, and why; the transaction is spoilt.
    """
    fire(connection, models, broken=broken)
    steps.make(connection, models, "lifecycle.resolved", "lifecycle.seen_again")
    connection.execute(_RESOLVE)
    # Deleted and inserted: DuckDB updates long texts in place a hundred times as slowly, where they come in
    # another order than they lie in.
    seen = "SELECT finding_id FROM lifecycle_seen_again"
    connection.execute(f"DELETE FROM history.findings WHERE finding_id IN ({seen})")
    connection.execute("INSERT INTO history.findings BY NAME FROM lifecycle_seen_again")
    connection.execute(_OPEN)
    fired = dict(rows(connection, "SELECT rule, count(*) FROM lifecycle_firing GROUP BY rule"))
    return {rule.qualified: fired.get(rule.name, 0) for rule in models.of("rules", Kind.RULE)}
