"""Applies waivers to findings, and reopens findings whose waiver no longer covers them.

The queries in sql/lifecycle decide which waiver covers which finding; this module runs them and writes the
result into history.findings and history.waivers. Running it again changes nothing. A waived finding stores
the evidence with which it was waived. If the evidence grows, the waiver stops covering this finding for good;
only a waiver that is added or changed later covers it again.
"""

from __future__ import annotations

import duckdb

from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

_RENAMES = "main.renames"
"""The query is run here, because the warehouse of an earlier version has no table `renames` yet."""

_STEPS = ("waiver_matches", "waivers_in_force", "waiver_drift", "reopened", "waiver_states")

_WAIVE = """
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
    WHERE findings.company = in_force.company AND findings.finding_id = in_force.finding_id"""

_REOPEN = """
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
    WHERE findings.company = reopened.company AND findings.finding_id = reopened.finding_id"""

_NOTE = """
    UPDATE history.waivers AS waivers
    SET state = states.state, findings = states.findings
    FROM lifecycle.waiver_states AS states
    WHERE waivers.company = states.company AND waivers.waiver_id = states.waiver_id"""


def update_waived(connection: duckdb.DuckDBPyConnection, models: Models, moments: str) -> None:
    """Update the status of the findings of some companies by their waivers.

    Args:
        connection: the warehouse, in a transaction.
        models: all models; the header of a rule names the evidence whose growth ends a waiver (`grows`).
        moments: a query of the companies, each with the time (`at`) at which waivers are checked for expiry.
    """
    steps.hand_over_query(connection, "moments", moments)
    concerned = steps.rows(
        connection,
        """
        SELECT company FROM history.waivers SEMI JOIN run.moments USING (company)
        UNION ALL
        SELECT company FROM history.findings SEMI JOIN run.moments USING (company) WHERE status = 'waived'
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
        steps.execute(connection, statement)
