"""Updates findings: opens new ones, and resolves those that are proven to be gone.

The queries in sql/lifecycle decide which findings are resolved and which are seen again; this module runs
them and writes the result into history.findings. Waivers are applied afterwards (see apply_waivers).
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from pipedrive_graph.findings.evaluate import evaluate_rules
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

_RESOLVE = """
    UPDATE history.findings AS findings
    SET
        status = 'resolved', resolved_reason = resolved.resolved_reason, resolved_at = batch.as_of,
        note = NULL, waiver_reason = NULL, waiver_owner = NULL, waiver_expires = NULL
    FROM lifecycle.resolved AS resolved
    JOIN landing.batch AS batch USING (company)
    WHERE findings.finding_id = resolved.finding_id AND findings.company = batch.company"""

_OPEN = """
    INSERT INTO history.findings BY NAME
    SELECT
        firing.* EXCLUDE (as_of), as_of AS first_seen, as_of AS last_seen, 'open' AS status,
        as_of AS opened_at, 0 AS reopened
    FROM lifecycle.firing AS firing
    ANTI JOIN history.findings USING (finding_id)"""


def update_findings(
    connection: duckdb.DuckDBPyConnection, models: Models, *, broken: Mapping[str, str]
) -> dict[str, int]:
    """Run the rules and update history.findings for the companies in landing.batch.

    Args:
        connection: the warehouse, in a transaction.
        models: all models, including the rules and the steps.
        broken: why a rule cannot be run in this batch, by its qualified name; its findings stay as they are.

    Returns:
        How many findings each rule has in this batch, by its qualified name.

    Raises:
        RuleError: if a rule cannot be run; the message names it and the reason. The transaction must be
            rolled back.
    """
    evaluate_rules(connection, models, broken=broken)
    steps.make(connection, models, "lifecycle.resolved", "lifecycle.seen_again")
    steps.execute(connection, _RESOLVE)
    # Delete and insert instead of an update: DuckDB updates long texts a hundred times as slowly if the
    # updates come in another order than the stored rows.
    seen = "SELECT finding_id FROM lifecycle.seen_again"
    steps.execute(connection, f"DELETE FROM history.findings WHERE finding_id IN ({seen})")
    steps.execute(connection, "INSERT INTO history.findings BY NAME FROM lifecycle.seen_again")
    steps.execute(connection, _OPEN)
    fired = dict(steps.rows(connection, "SELECT rule, count(*) FROM lifecycle.firing GROUP BY rule"))
    return {rule.qualified: fired.get(rule.name, 0) for rule in models.of("rules", Kind.RULE)}
