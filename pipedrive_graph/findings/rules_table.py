"""Writes the table of rules, which is published: their texts, what they need, and a digest of their query."""

from __future__ import annotations

import duckdb

from pipedrive_graph.findings.rule_header import is_event, needs
from pipedrive_graph.warehouse.database import insert_rows
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models


def write(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Replace the rows of the rules, and remove those of rules whose file was removed.

    A custom rule that cannot be used keeps its row, like its findings.

    Args:
        connection: the warehouse, in a transaction.
        models: all models; `broken` names the custom rules that cannot be used.
    """
    broken = [name.removeprefix("rules.") for name in models.broken]
    connection.execute("DELETE FROM policy.rules WHERE rule <> ALL (?)", [broken])
    rules = sorted(models.of("rules", Kind.RULE), key=lambda rule: rule.name)
    insert_rows(connection, "policy.rules", [_row(rule) for rule in rules])


def _row(rule: Model) -> tuple[object, ...]:
    settings = rule.header.settings
    needed = [f"all {need.endpoint}" if need.scope == "all" else need.endpoint for need in needs(rule)]
    return (
        rule.name,
        settings["title"],
        settings["severity"],
        is_event(rule),
        settings["meaning"],
        settings["remedy"],
        settings["reference"],
        needed,
        rule.query_sha256,
    )
