"""Counts what a night's judging came to: findings by status and severity, and how each rule was run."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from pipedrive_graph.findings.rules import SEVERITIES
from pipedrive_graph.warehouse.model import Kind
from pipedrive_graph.warehouse.models import Models

STATUSES = ("open", "waived", "resolved")


def tally(connection: duckdb.DuckDBPyConnection, models: Models, *, broken: Mapping[str, str]) -> None:
    """Write down the night's counts of the companies in landing.batch, after it was judged and settled.

    What is decided by day, after the night, is counted in the next one: so `rebuild` counts the same.

    Args:
        connection: the warehouse, in the transaction in which it was judged.
        models: the rules are among them.
        broken: why a rule could not be run, by its qualified name.
    """
    _count(connection)
    _note(connection, models, broken)


def _count(connection: duckdb.DuckDBPyConnection) -> None:
    """One row per status and severity; zeros are told, so that a line can be drawn through them."""
    connection.execute(
        """
        INSERT INTO history.finding_counts BY NAME
        WITH nights AS (
            SELECT
                batch.company, batch.snapshot_id, batch.as_of,
                max(earlier.started_at) AS before
            FROM landing.batch AS batch
            LEFT JOIN history.snapshots AS earlier
                ON earlier.company = batch.company
                AND earlier.status <> 'rejected'
                AND earlier.started_at < batch.as_of
            GROUP BY ALL
        ),
        counted AS (
            SELECT
                nights.company, findings.status, findings.severity,
                count(*) AS findings,
                count(*) FILTER (coalesce(findings.opened_at > nights.before, TRUE)) AS opened,
                count(*) FILTER (coalesce(findings.resolved_at > nights.before, FALSE)) AS resolved
            FROM history.findings AS findings
            JOIN nights USING (company)
            GROUP BY ALL
        )
        SELECT
            nights.company, nights.snapshot_id, statuses.status, severities.severity,
            coalesce(counted.findings, 0) AS findings,
            coalesce(counted.opened, 0) AS opened,
            coalesce(counted.resolved, 0) AS resolved
        FROM nights
        CROSS JOIN (SELECT unnest(?) AS status) AS statuses
        CROSS JOIN (SELECT unnest(?) AS severity) AS severities
        LEFT JOIN counted
            ON counted.company = nights.company
            AND counted.status = statuses.status
            AND counted.severity = severities.severity""",
        [list(STATUSES), list(SEVERITIES)],
    )


def _note(connection: duckdb.DuckDBPyConnection, models: Models, broken: Mapping[str, str]) -> None:
    """How each rule fared: it was run, it abstained, or it could not be run."""
    names = {*(rule.qualified for rule in models.of("rules", Kind.RULE)), *broken}
    connection.execute("DELETE FROM history.rule_runs WHERE company IN (SELECT company FROM landing.batch)")
    connection.execute(
        """
        INSERT INTO history.rule_runs BY NAME
        WITH rules AS (
            SELECT unnest(?) AS rule, unnest(?) AS problem
        ),
        fired AS (
            SELECT company, rule, count(*) AS findings FROM firing GROUP BY ALL
        )
        SELECT
            batch.company, batch.snapshot_id, rules.rule,
            CASE
                WHEN rules.problem IS NOT NULL THEN 'broken'
                WHEN abstaining.rule IS NOT NULL THEN 'abstained'
                ELSE 'ran'
            END AS outcome,
            coalesce(rules.problem, abstaining.reason) AS reason,
            CASE
                WHEN rules.problem IS NULL AND abstaining.rule IS NULL THEN coalesce(fired.findings, 0)
            END AS fired
        FROM landing.batch AS batch
        CROSS JOIN rules
        LEFT JOIN abstaining ON abstaining.company = batch.company AND abstaining.rule = rules.rule
        LEFT JOIN fired ON fired.company = batch.company AND fired.rule = rules.rule""",
        [[name.rpartition(".")[2] for name in sorted(names)], [broken.get(name) for name in sorted(names)]],
    )
