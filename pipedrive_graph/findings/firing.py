"""Runs the rules: what each of them finds tonight, checked to be findings that can be told apart."""

from __future__ import annotations

import logging
from collections.abc import Collection

import duckdb

from pipedrive_graph.errors import RuleError
from pipedrive_graph.findings.digests import digests
from pipedrive_graph.findings.rules import SEVERITIES, SUBJECT_KINDS, is_event, needs
from pipedrive_graph.timed import timed
from pipedrive_graph.warehouse.database import is_from_outside, rows
from pipedrive_graph.warehouse.model import Kind, Model
from pipedrive_graph.warehouse.models import Models
from pipedrive_graph.warehouse.transform import tonight

_log = logging.getLogger(__name__)

_TOLD = {"users/{id}/roleAssignments": "user_roles", "users/{id}/permissions": "user_permissions"}
"""The table of history that tells what a call about one user asks for."""

_ID = """left(sha256(CAST(
    if(
        tonight.snapshot_id IS NULL,
        to_json([rule, company, subject_kind, subject_id, object]),
        to_json([rule, company, subject_kind, subject_id, object, tonight.snapshot_id])
    ) AS VARCHAR)), 16)"""
"""A state is the same every night; an event is that of one snapshot."""


def fire(connection: duckdb.DuckDBPyConnection, models: Models, *, broken: Collection[str]) -> None:
    """Run the rules for the companies in landing.batch.

    What they find is the temporary table `firing`, with the id of each finding; what they are and rest on
    are `lifecycle.rule_fingerprints`, `rules_broken` and `rule_needs`, and where they abstain, `abstaining`. There `covered` is
    false if history.coverage does not show what is missing, so that no finding of the rule may be resolved.

    Args:
        connection: the warehouse, in a transaction.
        models: the rules are among them.
        broken: qualified names of rules that cannot be run tonight.

    Raises:
        RuleError: naming the rule that cannot be run, and why; the transaction is spoilt.
    """
    rules = models.of("rules", Kind.RULE)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE tonight (
            company VARCHAR, rule VARCHAR, severity VARCHAR, subject_kind VARCHAR, subject_id VARCHAR,
            object VARCHAR, snapshot_id VARCHAR, title VARCHAR, evidence JSON, remedy VARCHAR
        )""")
    digests(connection, models, rules)
    _note_needs(connection, rules, broken)
    _abstain(connection, rules)
    for rule in rules:
        with timed(_log, str(rule.place)):
            _fire(connection, rule)
    _check(connection, rules)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE firing AS
        SELECT {_ID} AS finding_id, tonight.*, fingerprints.rule_sha256, batch.as_of
        FROM tonight
        JOIN landing.batch AS batch USING (company)
        JOIN lifecycle_rule_fingerprints AS fingerprints USING (company, rule)""")


def _note_needs(connection: duckdb.DuckDBPyConnection, rules: list[Model], broken: Collection[str]) -> None:
    """Write down what each rule rests on, and which cannot be run for whom."""
    connection.execute("CREATE OR REPLACE TEMP TABLE rules_broken (rule VARCHAR)")
    for name in broken:
        connection.execute("INSERT INTO rules_broken VALUES (?)", [name.rpartition(".")[2]])
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE rule_needs"
        " (rule VARCHAR, endpoint VARCHAR, scope VARCHAR, history_table VARCHAR)"
    )
    needed = [(rule.name, need) for rule in rules for need in needs(rule)]
    connection.execute(
        "INSERT INTO rule_needs SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
        [
            [name for name, _ in needed],
            [need.endpoint for _, need in needed],
            [need.scope for _, need in needed],
            [_TOLD.get(need.endpoint) for _, need in needed],
        ],
    )


def _abstain(connection: duckdb.DuckDBPyConnection, rules: list[Model]) -> None:
    """Write down which rules have nothing to go by, and why: that they find nothing would say nothing."""
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE abstaining AS
        WITH wants AS (
            SELECT
                coverage.company, rule_needs.rule,
                concat(
                    'Pipedrive did not give the list ',
                    string_agg(DISTINCT endpoint, ', ' ORDER BY endpoint), '.'
                ) AS reason,
                TRUE AS covered
            FROM tonight_coverage AS coverage
            JOIN rule_needs USING (endpoint)
            WHERE coverage.subject_id IS NULL AND coverage.outcome IN ('unoffered', 'refused')
            GROUP BY ALL
            UNION ALL
            SELECT DISTINCT
                batch.company, rule_needs.rule,
                CASE WHEN rosters.company IS NULL THEN 'No roster was handed over.'
                ELSE 'The roster names no expected role.' END AS reason,
                TRUE AS covered
            FROM landing.batch AS batch
            JOIN rule_needs ON starts_with(rule_needs.endpoint, 'roster/')
            LEFT JOIN (
                SELECT company, bool_or(expected_role IS NOT NULL AND problem IS NULL) AS names_roles
                FROM policy.roster
                GROUP BY company
            ) AS rosters ON rosters.company = batch.company
            WHERE
                rosters.company IS NULL
                OR (rule_needs.endpoint = 'roster/{id}/expectedRole' AND NOT rosters.names_roles)
            UNION ALL
            SELECT batch.company, events.rule, 'There is no earlier snapshot to compare with.' AS reason,
                TRUE AS covered
            FROM landing.batch AS batch
            CROSS JOIN (SELECT unnest(?) AS rule) AS events
            ANTI JOIN event_snapshots ON event_snapshots.company = batch.company
            UNION ALL
            SELECT
                batch.company, readers.rule,
                concat(
                    'No e-mail domain counts as the company''s own',
                    '; active users at public providers: ' || publics.listed,
                    '. Name the company''s domains in findings.toml, [allowed] email_domains.'
                ) AS reason,
                FALSE AS covered
            FROM landing.batch AS batch
            CROSS JOIN (SELECT unnest(?) AS rule) AS readers
            LEFT JOIN (
                SELECT
                    company,
                    string_agg(concat(users, ' at ', domain), ', ' ORDER BY users DESC, domain) AS listed
                FROM email_domains
                WHERE public AND users > 0
                GROUP BY company
            ) AS publics ON publics.company = batch.company
            ANTI JOIN own_email_domains ON own_email_domains.company = batch.company
        )
        SELECT
            company, rule, string_agg(reason, ' ' ORDER BY reason) AS reason, bool_and(covered) AS covered
        FROM wants
        GROUP BY company, rule""",
        [
            [rule.name for rule in rules if is_event(rule) and "main.event_snapshots" in rule.reads],
            [rule.name for rule in rules if "main.own_email_domains" in rule.reads],
        ],
    )


def _fire(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Collect what a rule finds."""
    try:
        connection.execute(
            f"""
            INSERT INTO tonight BY NAME
            SELECT
                company, ? AS rule, severity, subject_kind, subject_id, object,
                {"snapshot_id" if is_event(rule) else "NULL"} AS snapshot_id, title,
                CAST(evidence AS JSON) AS evidence, ? AS remedy
            -- the line break ends a comment in the last line of the rule
            FROM ({tonight(rule)}\n)
            WHERE
                company IN (SELECT company FROM landing.batch)
                AND company NOT IN (SELECT company FROM abstaining WHERE rule = ?)""",
            [rule.name, rule.header.settings.get("remedy"), rule.name],
        )
    except duckdb.Error as error:
        if is_from_outside(error):
            raise
        raise RuleError(f"{rule.place}: {str(error).splitlines()[0]}", rule=rule.qualified) from error


def _check(connection: duckdb.DuckDBPyConnection, rules: list[Model]) -> None:
    """Refuse a rule whose rows are no findings, or whose identity does not tell them apart."""
    wrong = rows(
        connection,
        """
        SELECT rule, subject, problem
        FROM (
            SELECT
                rule,
                concat_ws(' ', 'of', company, subject_kind, subject_id, object) AS subject,
                CASE
                    WHEN subject_kind IS NULL OR subject_kind <> ALL (?) THEN 'has no kind of subject'
                    WHEN subject_id IS NULL THEN 'has no subject_id'
                    WHEN severity IS NULL OR severity <> ALL (?) THEN 'has no severity'
                    WHEN title IS NULL THEN 'has no title'
                    WHEN count(*) OVER (
                        PARTITION BY company, rule, subject_kind, subject_id, object, snapshot_id
                    ) > 1 THEN 'is there more than once; a rule gives one row per identity'
                END AS problem
            FROM tonight
        )
        WHERE problem IS NOT NULL
        ORDER BY ALL
        LIMIT 1""",
        list(SUBJECT_KINDS),
        list(SEVERITIES),
    )
    if wrong:
        name, subject, problem = wrong[0]
        rule = next(rule for rule in rules if rule.name == name)
        raise RuleError(f"{rule.place}: the row {subject} {problem}.", rule=rule.qualified)
