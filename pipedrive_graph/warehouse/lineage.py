"""Tells from which columns of which tables each column of a model comes, by reading the queries."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from pipedrive_graph.warehouse import tables
from pipedrive_graph.warehouse.declared import POLICY
from pipedrive_graph.warehouse.model import Model
from pipedrive_graph.warehouse.models import Models

Source = tuple[str, str]
"""A qualified table, such as `history.users`, and a column of it."""


def column_lineage(models: Models, model: Model) -> dict[str, list[Source]]:
    """The columns that each column of a model is made from, one step up.

    A column that is made from none (a constant, a count of rows), or whose origin the parser cannot
    tell, has an empty list: lineage explains, it decides nothing.
    """
    schema = _schema(models)
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
        try:
            nodes = list(lineage(column, query, schema, dialect="duckdb", scope=scope).walk())
        except (SqlglotError, ValueError):
            nodes = []
        found[column] = sorted(
            {
                (f"{node.source.db}.{node.source.name}", node.name.rpartition(".")[2])
                for node in nodes
                if isinstance(node.source, exp.Table)
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
