"""Says what the tables are in Dagster: assets without a step of their own, after those they are made from.

One transaction makes all of them, so none of them is made by itself. The rules are checks on the findings.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from pipedrive_graph.orchestration import columns, descriptions
from pipedrive_graph.orchestration.names import Names
from pipedrive_graph.peers import tables as peers
from pipedrive_graph.warehouse import tables as declared
from pipedrive_graph.warehouse.schema import POLICY
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models

SCHEMA_GROUPS = {"main": "graph", "history": "history", "policy": "policy"}
"""How the schemas of the warehouse are called in Dagster: an asset's key prefix, and its group."""

FINDINGS_GROUP = {
    f"{schema}.{name}"
    for schema in ("history", "main")
    for name in ("findings", "finding_counts", "rule_runs")
}
"""Tables that belong with the rules, wherever they are kept."""

FINDINGS = "history.findings"
"""What all rules flow into."""

PUBLISHED_FINDINGS = "main.findings"
"""The published table of the findings; the step that builds materializes it."""

TALLIES = {"history.finding_counts", "history.rule_runs"}
"""What is counted of the findings after each night."""


def asset_key(names: Names, qualified: str) -> dg.AssetKey:
    """The asset of a table: `main.users` is graph/users."""
    schema, name = qualified.split(".")
    return names.key(SCHEMA_GROUPS[schema], name)


def published_tables(models: Models, names: Names) -> list[dg.AssetKey]:
    """The assets of the tables that are published."""
    return [asset_key(names, model.qualified) for model in models.published()]


def specs(models: Models, names: Names, collected: list[dg.AssetKey]) -> dict[str, dg.AssetSpec]:
    """An asset for every table, by its qualified name, each after those that it is made from.

    Args:
        models: the files of sql/.
        names: makes the keys.
        collected: the collecting assets, of which the history is made.
    """
    shown = {model.qualified: model for model in models.published()}
    above = {
        name: {read for read in models.tables_read(model) if _is_shown(read)} for name, model in shown.items()
    }
    kept = {f"history.{name}": set[str]() for name in declared.columns() if name != "models"}
    given = {f"policy.{name}": set[str]() for name in POLICY}
    kept |= {name: {read for read in peers.READS if _is_shown(read)} for name in peers.WRITES}
    kept[FINDINGS] = {
        read
        for rule in models.of("rules", Kind.RULE)
        for read in models.tables_read(rule)
        if _is_shown(read) and read not in {FINDINGS, *TALLIES}
    }
    kept |= {name: {FINDINGS} for name in TALLIES}
    order = [*TopologicalSorter(above | kept | given).static_order()]
    constant = columns.table_metadata(models, order, names, SCHEMA_GROUPS) if columns.is_shown() else {}
    return {
        name: _spec(
            name,
            names,
            shown.get(name),
            [asset_key(names, read) for read in sorted((above | kept | given)[name])]
            or (collected if name in kept else []),
            constant.get(name, {}),
        )
        for name in order
    }


def _is_shown(table: str) -> bool:
    return table.partition(".")[0] in SCHEMA_GROUPS


def _spec(
    name: str, names: Names, model: Model | None, deps: list[dg.AssetKey], metadata: dict[str, Any]
) -> dg.AssetSpec:
    schema, _, table = name.partition(".")
    if model is None:
        description = (descriptions.POLICY if schema == "policy" else descriptions.HISTORY)[table]
    else:
        description = model.header.comment
        if schema == "main":
            description += f"\n\nPublished in identity_graph.duckdb as `{model.name}`."
    group = "findings" if name in FINDINGS_GROUP else SCHEMA_GROUPS[schema]
    return dg.AssetSpec(
        asset_key(names, name),
        deps=deps,
        description=description,
        group_name=names.group_of(group),
        kinds={"duckdb", "sql" if model else "python"},
        metadata=metadata,
    )
