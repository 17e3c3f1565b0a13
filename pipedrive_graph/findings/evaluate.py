"""Runs the rules, and checks that their rows are findings with unique identities."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import duckdb

from pipedrive_graph.common.timed import timed
from pipedrive_graph.errors import RuleError
from pipedrive_graph.findings.fingerprints import make_fingerprints
from pipedrive_graph.findings.rule_header import is_event, needs
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import is_from_outside
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.transform import batch_query

_log = logging.getLogger(__name__)

_PROVEN_BY = {"users/{id}/roleAssignments": "user_roles", "users/{id}/permissions": "user_permissions"}
"""The history table that stores the answer to a call about one user."""

_FOUND, _ABSTENTIONS = map(steps.with_temporary_names, ("run.found", "lifecycle.abstentions"))


def evaluate_rules(
    connection: duckdb.DuckDBPyConnection, models: Models, *, broken: Mapping[str, str]
) -> None:
    """Run the rules for the companies in landing.batch.

    The result is in the temporary tables of lifecycle.abstentions and lifecycle.firing.

    Args:
        connection: the warehouse, in a transaction.
        models: all models, including the rules and the steps.
        broken: why a rule cannot be run in this batch, by its qualified name.

    Raises:
        RuleError: if a rule cannot be run; the message names it and the reason. The transaction must be
            rolled back.
    """
    rules = models.of("rules", Kind.RULE)
    _hand_over(connection, rules, broken)
    make_fingerprints(connection, models, rules)
    steps.make(connection, models, "lifecycle.visibility_rules", "lifecycle.abstentions")
    for rule in rules:
        with timed(_log, str(rule.place)):
            _evaluate(connection, rule)
    steps.make(connection, models, "lifecycle.malformed_rows", "lifecycle.firing")
    _check(connection, rules)


def _hand_over(connection: duckdb.DuckDBPyConnection, rules: list[Model], broken: Mapping[str, str]) -> None:
    """Create the `run` tables about rules: their needs and reads, and the reasons why some are broken."""
    steps.hand_over(connection, "rules", [(rule.name, is_event(rule), rule.query_sha256) for rule in rules])
    reasons = [(name.removeprefix("rules."), reason) for name, reason in sorted(broken.items())]
    steps.hand_over(connection, "broken_rules", reasons)
    reads = [(rule.name, table) for rule in rules for table in sorted(rule.reads)]
    steps.hand_over(connection, "rule_reads", reads)
    needed = [
        (rule.name, need.endpoint, need.scope, _PROVEN_BY.get(need.endpoint))
        for rule in rules
        for need in needs(rule)
    ]
    steps.hand_over(connection, "rule_needs", needed)
    steps.hand_over(connection, "found")


def _evaluate(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Run one rule and insert its rows into run.found."""
    try:
        connection.execute(
            f"""
            INSERT INTO {_FOUND} BY NAME
            SELECT
                company, ? AS rule, severity, subject_kind, subject_id, object,
                {"snapshot_id" if is_event(rule) else "NULL"} AS snapshot_id, title,
                CAST(evidence AS JSON) AS evidence, ? AS remedy
            -- the line break ends a comment on the last line of the rule
            FROM ({batch_query(rule)}\n)
            WHERE
                company IN (SELECT company FROM landing.batch)
                AND company NOT IN (SELECT company FROM {_ABSTENTIONS} WHERE rule = ?)""",
            [rule.name, rule.header.settings.get("remedy"), rule.name],
        )
    except duckdb.Error as error:
        if is_from_outside(error):
            raise
        raise RuleError(f"{rule.place}: {str(error).splitlines()[0]}", rule=rule.qualified) from error


def _check(connection: duckdb.DuckDBPyConnection, rules: list[Model]) -> None:
    """Refuse a rule with a malformed row, or with two rows of the same identity."""
    malformed = steps.rows(
        connection, "SELECT rule, subject, problem FROM lifecycle.malformed_rows ORDER BY ALL LIMIT 1"
    )
    if malformed:
        name, subject, problem = malformed[0]
        rule = next(rule for rule in rules if rule.name == name)
        raise RuleError(f"{rule.place}: the row {subject} {problem}.", rule=rule.qualified)
