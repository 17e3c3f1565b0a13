"""Keeps findings over time: what fires tonight is open; what no longer fires is resolved on proof only.

A rule says in `needs:` which answers it rests on. A finding that is not repeated is resolved when all of
them came tonight (the reason says so if the rule's file has changed as well), when its subject is proven
gone, or when the rule is no longer there; else it stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipedrive_graph.errors import ModelError
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.models import Kind, Model, Models

SEVERITIES = ("critical", "high", "medium", "low", "info")

_TOLD = {"users/{id}/roleAssignments": "user_roles", "users/{id}/permissions": "user_permissions"}
"""The table of history that tells what a call about one user asks for."""

_ID = "left(sha256(CAST(to_json([rule, company, subject_kind, subject_id, object]) AS VARCHAR)), 16)"


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of answer that a rule rests on.

    `scope` is `list` (the whole list), `own` (the answer about the finding's subject), or `all` (every
    answer of that endpoint that was asked for).
    """

    endpoint: str
    scope: str


def needs(rule: Model) -> list[Need]:
    """What a rule's header says that it rests on.

    Raises:
        ModelError: if it says nothing.
    """
    found = []
    for text in rule.header.settings.get("needs", "").split(","):
        name = text.strip()
        if name.startswith("all "):
            found.append(Need(name.removeprefix("all ").strip(), "all"))
        elif name:
            found.append(Need(name, "own" if "{id}" in name else "list"))
    if not found:
        raise ModelError(
            f"sql/findings/{rule.path.name}: the header must say what it needs, as 'needs: users'."
        )
    return found


def judge(connection: duckdb.DuckDBPyConnection, models: Models) -> dict[str, int]:
    """Bring history.findings up to date for the companies in landing.batch.

    Returns:
        How often each rule fires, by its qualified name.

    Raises:
        ModelError: naming the rule that DuckDB refuses, and why.
    """
    rules = models.of("rules", Kind.RULE)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE tonight (
            company VARCHAR, rule VARCHAR, severity VARCHAR, subject_kind VARCHAR, subject_id VARCHAR,
            object VARCHAR, title VARCHAR, evidence JSON, remedy VARCHAR, rule_sha256 VARCHAR
        )""")
    connection.execute("CREATE OR REPLACE TEMP TABLE rules_now (rule VARCHAR, rule_sha256 VARCHAR)")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE rule_needs"
        " (rule VARCHAR, endpoint VARCHAR, scope VARCHAR, history_table VARCHAR)"
    )
    for rule in rules:
        connection.execute("INSERT INTO rules_now VALUES (?, ?)", [rule.name, rule.sha256])
        for need in needs(rule):
            connection.execute(
                "INSERT INTO rule_needs VALUES (?, ?, ?, ?)",
                [rule.name, need.endpoint, need.scope, _TOLD.get(need.endpoint)],
            )
        _fire(connection, rule)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE firing AS
        SELECT {_ID} AS finding_id, tonight.*, batch.as_of
        FROM tonight
        JOIN landing.batch AS batch USING (company)""")
    _resolve(connection)
    _repeat(connection)
    _begin(connection)
    fired = dict(rows(connection, "SELECT rule, count(*) FROM firing GROUP BY rule"))
    return {rule.qualified: fired.get(rule.name, 0) for rule in rules}


def _fire(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Collect what a rule finds; it abstains where a list that it needs is not to be had."""
    try:
        connection.execute(
            f"""
            INSERT INTO tonight BY NAME
            SELECT
                company, ? AS rule, severity, subject_kind, subject_id, object, title,
                CAST(evidence AS JSON) AS evidence, ? AS remedy, ? AS rule_sha256
            FROM {rule.qualified}
            WHERE
                company IN (SELECT company FROM landing.batch)
                AND company NOT IN (
                    SELECT coverage.company
                    FROM history.coverage AS coverage
                    JOIN rule_needs USING (endpoint)
                    WHERE
                        rule_needs.rule = ?
                        AND coverage.subject_id IS NULL
                        AND coverage.outcome IN ('unoffered', 'refused')
                )""",
            [rule.name, rule.header.settings.get("remedy"), rule.sha256, rule.name],
        )
    except duckdb.Error as error:
        raise ModelError(f"sql/findings/{rule.path.name}: {str(error).splitlines()[0]}") from error


def _resolve(connection: duckdb.DuckDBPyConnection) -> None:
    """Resolve what does not fire tonight, where that is proven."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE resolved AS
        WITH silent AS (
            SELECT finding_id, company, rule, subject_kind, subject_id, rule_sha256
            FROM history.findings
            ANTI JOIN firing USING (finding_id)
            WHERE status = 'open' AND company IN (SELECT company FROM landing.batch)
        ),
        unproven AS (
            SELECT DISTINCT silent.finding_id
            FROM silent
            JOIN rule_needs USING (rule)
            LEFT JOIN history.coverage AS own
                ON rule_needs.scope <> 'all'
                AND own.company = silent.company
                AND own.endpoint = rule_needs.endpoint
                AND own.subject_id IS NOT DISTINCT FROM if(rule_needs.scope = 'own', silent.subject_id, NULL)
            -- who was not asked may be told in full all the same, by the members of the roles
            LEFT JOIN staging.proven AS told
                ON rule_needs.scope = 'own'
                AND told.company = silent.company
                AND told.history_table = rule_needs.history_table
                AND told.subject_id = silent.subject_id
            LEFT JOIN (
                SELECT DISTINCT company, endpoint FROM history.coverage
                WHERE outcome <> 'answered'
                    -- of what is asked for by id because no list has it, a 404 is the answer
                    AND NOT (
                        outcome = 'gone'
                        AND endpoint IN ('users/{id}', 'roles/{id}', 'permissionSets/{id}')
                    )
            ) AS hole
                ON rule_needs.scope = 'all'
                AND hole.company = silent.company
                AND hole.endpoint = rule_needs.endpoint
            WHERE if(
                rule_needs.scope = 'all',
                hole.company IS NOT NULL,
                own.outcome IS DISTINCT FROM 'answered' AND told.company IS NULL
            )
        ),
        subjects AS (
            SELECT company, 'user' AS subject_kind, CAST(user_id AS VARCHAR) AS subject_id FROM users
            UNION ALL
            SELECT company, 'role', CAST(role_id AS VARCHAR) FROM roles
            UNION ALL
            SELECT company, 'permission_set', permission_set_id FROM permission_sets
            UNION ALL
            SELECT company, 'company', coalesce(CAST(company_id AS VARCHAR), company) FROM current_snapshot
        )
        SELECT
            silent.finding_id,
            CASE
                WHEN subjects.company IS NULL THEN 'subject gone'
                WHEN silent.rule_sha256 IS DISTINCT FROM rules_now.rule_sha256 THEN 'rule changed'
                ELSE 'fixed'
            END AS resolved_reason
        FROM silent
        LEFT JOIN rules_now USING (rule)
        LEFT JOIN subjects USING (company, subject_kind, subject_id)
        LEFT JOIN unproven USING (finding_id)
        WHERE subjects.company IS NULL OR rules_now.rule IS NULL OR unproven.finding_id IS NULL""")
    connection.execute("""
        UPDATE history.findings AS findings
        SET status = 'resolved', resolved_reason = resolved.resolved_reason, resolved_at = batch.as_of
        FROM resolved
        JOIN landing.batch AS batch ON TRUE
        WHERE findings.finding_id = resolved.finding_id AND findings.company = batch.company""")


def _repeat(connection: duckdb.DuckDBPyConnection) -> None:
    """What fires and is known: seen once more, and open again if it was resolved."""
    connection.execute("""
        UPDATE history.findings AS findings
        SET
            severity = firing.severity,
            title = firing.title,
            evidence = firing.evidence,
            remedy = firing.remedy,
            last_seen = firing.as_of,
            status = 'open',
            resolved_reason = NULL,
            resolved_at = NULL,
            rule_sha256 = firing.rule_sha256
        FROM firing
        WHERE findings.finding_id = firing.finding_id""")


def _begin(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        INSERT INTO history.findings BY NAME
        SELECT
            firing.* EXCLUDE (as_of), as_of AS first_seen, as_of AS last_seen, 'open' AS status
        FROM firing
        ANTI JOIN history.findings USING (finding_id)""")
