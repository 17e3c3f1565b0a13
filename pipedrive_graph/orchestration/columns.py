"""What is constant about a table: its name, its columns with types and comments, where each comes from.

It stands at the asset's definition, not in the events of every night. Dagster asks for it where it loads the
definitions for its page; a process that only runs a job does without, since it takes a second to make.
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
    """Whether anybody looks at the definitions that are being loaded."""
    return DefinitionsLoadContext.get().load_type is not DefinitionsLoadType.RECONSTRUCTION


def table_metadata(
    models: Models, tables: Collection[str], names: Names, groups: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The constant metadata of tables, by qualified name.

    Args:
        models: the files of sql/.
        tables: the qualified names of the tables that are assets.
        names: makes the keys of the assets.
        groups: the first word of an asset's key, by schema.
    """
    types, lineage = _read(_Known(models))
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
    found: dict[str, Any] = {
        "dagster/table_name": f"warehouse.{table}",
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, type_, description=comments.get(name)) for name, type_ in types.items()]
        ),
    }
    if table not in lineage:
        return found
    found["dagster/column_lineage"] = dg.TableColumnLineage(
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
    return found


class _Known:
    """The files of sql/, equal where their texts are: several definitions in one process read them once."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._digest = tuple(sorted((model.qualified, model.sha256) for model in models))

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and other._digest == self._digest


@lru_cache(maxsize=2)
def _read(known: _Known) -> tuple[Types, Lineage]:
    """The types of all columns, from empty tables, and the lineage of those that a file of sql/ makes."""
    types: dict[str, dict[str, str]] = {}
    with duckdb.connect() as connection:
        empty.create(connection, known.models)
        for schema, table, column, type_ in connection.execute(
            """
            SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()
            WHERE NOT internal ORDER BY schema_name, table_name, column_index"""
        ).fetchall():
            types.setdefault(f"{schema}.{table}", {})[column] = type_
    shown = known.models.published()
    return types, column_lineage(known.models, shown)
