"""Applies waivers: which findings they cover, as long as they hold and the evidence does not grow.

Which waiver covers which finding is decided in sql/lifecycle; this module runs the steps and writes their
result into history.findings and history.waivers. To run it twice changes nothing the second time. A finding
under a waiver keeps the evidence with which it was waived. Growth ends the waiver for this finding for good;
only one that is written or changed later covers it again.
"""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

_RENAMES = "main.renames"
"""Computed here: by day, the warehouse may be one of an earlier version, which has no such table."""

_STEPS = ("waiver_matches", "waivers_in_force", "waiver_drift", "reopened", "waiver_states")

_WAIVE = steps.written("""
    UPDATE history.findings AS findings
    SET
        status = 'waived',
        note = concat(
            'Waived by ', in_force.owner, ' until ', strftime(in_force.expires, '%Y-%m-%d'), ': ',
            in_force.reason
        ),
        waiver_reason = in_force.reason,
        waiver_owner = in_force.owner,
        waiver_expires = in_force.expires,
        waiver_read_at = if(fresh, in_force.read_at, findings.waiver_read_at),
        waived_severity = if(fresh, findings.severity, findings.waived_severity),
        waived_evidence = if(fresh, findings.evidence, findings.waived_evidence)
    FROM lifecycle.waivers_in_force AS in_force
    ANTI JOIN lifecycle.waiver_drift AS drift USING (company, finding_id)
    WHERE findings.company = in_force.company AND findings.finding_id = in_force.finding_id""")

_REOPEN = steps.written("""
    UPDATE history.findings AS findings
    SET
        status = 'open',
        reopened = if(was_waived, findings.reopened + 1, findings.reopened),
        opened_at = if(was_waived, reopened.at, findings.opened_at),
        note = reopened.note,
        waiver_reason = NULL,
        waiver_owner = NULL,
        waiver_expires = NULL,
        waivers_spent_at = coalesce(spent_at, findings.waivers_spent_at)
    FROM lifecycle.reopened AS reopened
    WHERE findings.company = reopened.company AND findings.finding_id = reopened.finding_id""")

_NOTE = steps.written("""
    UPDATE history.waivers AS waivers
    SET state = states.state, findings = states.findings
    FROM lifecycle.waiver_states AS states
    WHERE waivers.company = states.company AND waivers.waiver_id = states.waiver_id""")


def settle(connection: duckdb.DuckDBPyConnection, models: Models, moments: str) -> None:
    """Bring the status of the findings of some companies in line with their waivers.

    Args:
        connection: the warehouse, in a transaction.
        models: rules say which of their evidence may grow.
        moments: a query of the companies, with the time by which a waiver's end is judged (`at`).
    """
    steps.hand_over_query(connection, "moments", moments)
    concerned = rows(
        connection,
        """
        SELECT company FROM history.waivers SEMI JOIN run_moments USING (company)
        UNION ALL
        SELECT company FROM history.findings SEMI JOIN run_moments USING (company) WHERE status = 'waived'
        LIMIT 1""",
    )
    if not concerned:
        return
    steps.hand_over_query(connection, "renames", models[_RENAMES].query)
    grows = [
        (rule.name, name.strip())
        for rule in models.of("rules", Kind.RULE)
        for name in rule.header.settings.get("grows", "").split(",")
        if name.strip()
    ]
    steps.hand_over(connection, "rule_grows", grows)
    steps.make(connection, models, *(f"lifecycle.{name}" for name in _STEPS))
    for statement in (_WAIVE, _REOPEN, _NOTE):
        connection.execute(statement)
