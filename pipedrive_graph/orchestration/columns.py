"""The constant metadata of a table: its name, its columns with types and comments, and their lineage.

It is part of the asset's definition, so that the events of each run need not repeat it. Only Dagster's web
page needs it. A process that only runs a job skips it, because it takes a second to build.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import dagster as dg
import duckdb
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType

from pipedrive_graph.orchestration.names import Names
from pipedrive_graph.warehouse import empty
from pipedrive_graph.warehouse.lineage import Source, column_lineage
from pipedrive_graph.warehouse.sql_project import Models

Types = Mapping[str, Mapping[str, str]]
Lineage = Mapping[str, Mapping[str, list[Source]]]


def is_shown() -> bool:
    """Whether the definitions are loaded to be shown, not only to run a job."""
    return DefinitionsLoadContext.get().load_type is not DefinitionsLoadType.RECONSTRUCTION


def table_metadata(
    models: Models, tables: Collection[str], names: Names, groups: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Build the constant metadata of tables, by qualified name.

    Args:
        models: the files of sql/.
        tables: the qualified names of the tables that are assets.
        names: makes the asset keys.
        groups: the first part of an asset's key, by schema.
    """
    types, lineage = _read(_ModelsKey(models))
    return {
        name: _metadata(name, types.get(name, {}), lineage, models, tables, names, groups) for name in tables
    }


def _metadata(
    table: str,
    types: Mapping[str, str],
    lineage: Lineage,
    models: Models,
    tables: Collection[str],
    names: Names,
    groups: Mapping[str, str],
) -> dict[str, Any]:
    comments = models[table].columns if table in lineage else {}
    metadata: dict[str, Any] = {
        "dagster/table_name": f"warehouse.{table}",
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, type_, description=comments.get(name)) for name, type_ in types.items()]
        ),
    }
    if table not in lineage:
        return metadata
    metadata["dagster/column_lineage"] = dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=names.key(groups[schema], name), column_name=source_column)
                for source, source_column in sources
                for schema, _, name in [source.partition(".")]
                if source in tables
            ]
            for column, sources in lineage[table].items()
        }
    )
    return metadata


class _ModelsKey:
    """A cache key for the files of sql/: equal if their texts are equal, so a process reads them once."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._digest = tuple(sorted((model.qualified, model.sha256) for model in models))

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ModelsKey) and other._digest == self._digest


@lru_cache(maxsize=2)
def _read(key: _ModelsKey) -> tuple[Types, Lineage]:
    """The types of all columns (from empty tables), and the column lineage of the models in sql/."""
    types: dict[str, dict[str, str]] = {}
    with duckdb.connect() as connection:
        empty.create(connection, key.models)
        for schema, table, column, type_ in connection.execute(
            """
            SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()
            WHERE NOT internal ORDER BY schema_name, table_name, column_index"""
        ).fetchall():
            types.setdefault(f"{schema}.{table}", {})[column] = type_
    return types, column_lineage(key.models, key.models.published())
