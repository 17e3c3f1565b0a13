"""Derives column lineage: the columns of other tables that each column of a model is computed from."""

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
    """The direct source columns of each column of some models.

    The list is empty for a column without sources (a constant, a count of rows) and for a column that the
    parser cannot trace. Lineage is documentation only; no result depends on it.

    Args:
        models: all models; they give the columns of the tables.
        shown: the models whose lineage is returned.

    Returns:
        Source columns by qualified name of the model, then by column.
    """
    # built once, because building it takes longer than tracing a column
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
    sources: dict[str, list[Source]] = {}
    for column in model.columns:
        try:  # one column at a time, so that a failure affects only that column
            node = lineage(
                column, query, schema, dialect="duckdb", scope=scope, trim_selects=False, copy=False
            )
        except (SqlglotError, ValueError):
            sources[column] = []
            continue
        sources[column] = sorted(
            {
                (f"{source.source.db}.{source.source.name}", source.name.rpartition(".")[2])
                for source in node.walk()
                if isinstance(source.source, exp.Table)
            }
        )
    return sources


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
