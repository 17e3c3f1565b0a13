"""The assets of the tables: without a step of their own, each downstream of the tables that it reads.

One transaction makes all tables, so none is materialized on its own. The rules are checks on the findings.
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
"""The warehouse's schemas in Dagster: the prefix of an asset's key, and its group."""

FINDINGS_GROUP = {
    f"{schema}.{name}"
    for schema in ("history", "main")
    for name in ("findings", "finding_counts", "rule_runs")
}
"""The tables that belong to the group of findings, in any schema."""

FINDINGS = "history.findings"
"""The table that all rules write to."""

PUBLISHED_FINDINGS = "main.findings"
"""The published table of the findings; the step that builds materializes it."""

COUNTS = {"history.finding_counts", "history.rule_runs"}
"""The tables of counts after each run."""


def asset_key(names: Names, qualified: str) -> dg.AssetKey:
    """The asset of a table: `main.users` is graph/users."""
    schema, name = qualified.split(".")
    return names.key(SCHEMA_GROUPS[schema], name)


def published_tables(models: Models, names: Names) -> list[dg.AssetKey]:
    """The assets of the published tables."""
    return [asset_key(names, model.qualified) for model in models.published()]


def specs(models: Models, names: Names, collected: list[dg.AssetKey]) -> dict[str, dg.AssetSpec]:
    """Make an asset for every table, by qualified name, with the tables that it reads as dependencies.

    Args:
        models: the files of sql/.
        names: makes the asset keys.
        collected: the collected assets; the history depends on them.
    """
    shown = {model.qualified: model for model in models.published()}
    published = {
        name: {read for read in models.tables_read(model) if _is_shown(read)} for name, model in shown.items()
    }
    stored = {f"history.{name}": set[str]() for name in declared.columns() if name != "models"}
    policy = {f"policy.{name}": set[str]() for name in POLICY}
    stored |= {name: {read for read in peers.READS if _is_shown(read)} for name in peers.WRITES}
    stored[FINDINGS] = {
        read
        for rule in models.of("rules", Kind.RULE)
        for read in models.tables_read(rule)
        if _is_shown(read) and read not in {FINDINGS, *COUNTS}
    }
    stored |= {name: {FINDINGS} for name in COUNTS}
    order = [*TopologicalSorter(published | stored | policy).static_order()]
    constant = columns.table_metadata(models, order, names, SCHEMA_GROUPS) if columns.is_shown() else {}
    return {
        name: _spec(
            name,
            names,
            shown.get(name),
            [asset_key(names, read) for read in sorted((published | stored | policy)[name])]
            or (collected if name in stored else []),
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
