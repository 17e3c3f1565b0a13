"""Runs the rules, and checks that what they return are findings with an identity of their own."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import duckdb

from pipedrive_graph.common.timed import timed
from pipedrive_graph.errors import RuleError
from pipedrive_graph.findings.fingerprints import digests
from pipedrive_graph.findings.rule_header import is_event, needs
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import is_from_outside, rows
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models
from pipedrive_graph.warehouse.transform import batch_query

_log = logging.getLogger(__name__)

_PROVEN_BY = {"users/{id}/roleAssignments": "user_roles", "users/{id}/permissions": "user_permissions"}
"""The table of history that has the answer to a call about one user."""


def fire(connection: duckdb.DuckDBPyConnection, models: Models, *, broken: Mapping[str, str]) -> None:
    """Run the rules for the companies in landing.batch.

    The steps lifecycle.abstentions and lifecycle.firing have the result.

    Args:
        connection: the warehouse, in a transaction.
        models: the rules and the steps are among them.
        broken: why a rule cannot be run in this batch, by its qualified name.

    Raises:
        RuleError: naming the rule that cannot be run, and why; the transaction is spoilt.
    """
    rules = models.of("rules", Kind.RULE)
    _hand_over(connection, rules, broken)
    digests(connection, models, rules)
    steps.make(connection, models, "lifecycle.abstentions")
    for rule in rules:
        with timed(_log, str(rule.place)):
            _fire(connection, rule)
    steps.make(connection, models, "lifecycle.malformed_rows", "lifecycle.firing")
    _check(connection, rules)


def _hand_over(connection: duckdb.DuckDBPyConnection, rules: list[Model], broken: Mapping[str, str]) -> None:
    """Hand over which rules there are, what they need and read, and which cannot be run."""
    steps.hand_over(connection, "rules", [(rule.name, is_event(rule), rule.query_sha256) for rule in rules])
    reasons = [(name.rpartition(".")[2], reason) for name, reason in sorted(broken.items())]
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


def _fire(connection: duckdb.DuckDBPyConnection, rule: Model) -> None:
    """Collect what a rule finds."""
    try:
        connection.execute(
            f"""
            INSERT INTO run_found BY NAME
            SELECT
                company, ? AS rule, severity, subject_kind, subject_id, object,
                {"snapshot_id" if is_event(rule) else "NULL"} AS snapshot_id, title,
                CAST(evidence AS JSON) AS evidence, ? AS remedy
            -- the line break ends a comment in the last line of the rule
            FROM ({batch_query(rule)}\n)
            WHERE
                company IN (SELECT company FROM landing.batch)
                AND company NOT IN (SELECT company FROM lifecycle_abstentions WHERE rule = ?)""",
            [rule.name, rule.header.settings.get("remedy"), rule.name],
        )
    except duckdb.Error as error:
        if is_from_outside(error):
            raise
        raise RuleError(f"{rule.place}: {str(error).splitlines()[0]}", rule=rule.qualified) from error


def _check(connection: duckdb.DuckDBPyConnection, rules: list[Model]) -> None:
    """Refuse a rule with rows that are not findings, or with two of the same identity."""
    wrong = rows(
        connection, "SELECT rule, subject, problem FROM lifecycle_malformed_rows ORDER BY ALL LIMIT 1"
    )
    if wrong:
        name, subject, problem = wrong[0]
        rule = next(rule for rule in rules if rule.name == name)
        raise RuleError(f"{rule.place}: the row {subject} {problem}.", rule=rule.qualified)
