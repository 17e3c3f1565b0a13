"""Tells from which columns of which tables each column of a model comes, by reading the queries."""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from pipedrive_graph.warehouse import tables
from pipedrive_graph.warehouse.schema import POLICY
from pipedrive_graph.warehouse.sql_model import Model
from pipedrive_graph.warehouse.sql_project import Models

Source = tuple[str, str]
"""A qualified table, such as `history.users`, and a column of it."""


def column_lineage(models: Models, shown: Iterable[Model]) -> dict[str, dict[str, list[Source]]]:
    """The columns that each column of some models is made from, one step up.

    A column that is made from none (a constant, a count of rows), or whose origin the parser cannot
    tell, has an empty list: lineage explains, it decides nothing.

    Args:
        models: all of them: what their tables are.
        shown: those whose columns are looked up.

    Returns:
        By qualified name of the model, and column.
    """
    # made once: it takes longer than to look a column up
    schema = MappingSchema(_schema(models), dialect="duckdb")
    return {model.qualified: _columns(model, schema) for model in shown}


def _columns(model: Model, schema: MappingSchema) -> dict[str, list[Source]]:
    try:
        query = qualify(
            sqlglot.parse_one(model.query, dialect="duckdb"),
            dialect="duckdb",
            schema=schema,
            db="main",
            identify=False,
            validate_qualify_columns=False,
        )
        scope = build_scope(query)
    except SqlglotError:
        return {column: [] for column in model.columns}
    found: dict[str, list[Source]] = {}
    for column in model.columns:
        try:  # each by itself: one that cannot be told does not hide the others
            node = lineage(
                column, query, schema, dialect="duckdb", scope=scope, trim_selects=False, copy=False
            )
        except (SqlglotError, ValueError):
            found[column] = []
            continue
        found[column] = sorted(
            {
                (f"{source.source.db}.{source.source.name}", source.name.rpartition(".")[2])
                for source in node.walk()
                if isinstance(source.source, exp.Table)
            }
        )
    return found


def _schema(models: Models) -> dict[str, object]:
    """Columns by schema and table; their types do not matter here."""
    schema: dict[str, dict[str, dict[str, str]]] = {
        "history": tables.columns(),
        "policy": POLICY,
    }
    for model in models:
        if not model.kind.is_macro:
            of_schema = schema.setdefault(model.schema, {})
            of_schema[model.name] = dict.fromkeys(model.columns, "VARCHAR")
    return dict(schema)
