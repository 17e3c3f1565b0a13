"""The assets of the tables and of the steps in sql/: each downstream of the tables that it reads.

One transaction makes all tables, so none is materialized on its own. The steps are queries whose rows are
written to tables of the history; they show how the findings get their status. The rules are checks on the
findings.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from pipedrive_graph.orchestration import columns, descriptions
from pipedrive_graph.orchestration.names import Names
from pipedrive_graph.warehouse import step_lineage
from pipedrive_graph.warehouse import tables as declared
from pipedrive_graph.warehouse.schema import POLICY
from pipedrive_graph.warehouse.sql_model import Model
from pipedrive_graph.warehouse.sql_project import Models

SCHEMA_GROUPS = {
    "main": "graph",
    "history": "history",
    "policy": "policy",
    "lifecycle": "lifecycle",
    "merge": "merge",
    "peers": "peers",
}
"""The schemas in Dagster: the prefix of an asset's key and, except for steps, its group."""

STEP_GROUPS = {"lifecycle": "findings", "merge": "history", "peers": "findings"}
"""The groups of the steps, by schema."""

FINDINGS_GROUP = {
    f"{schema}.{name}"
    for schema in ("history", "main")
    for name in ("findings", "finding_counts", "rule_runs")
}
"""The tables that belong to the group of findings, in any schema."""

PUBLISHED_FINDINGS = "main.findings"
"""The published table of the findings; the step that builds materializes it."""


def asset_key(names: Names, qualified: str) -> dg.AssetKey:
    """The asset of a table: `main.users` is graph/users."""
    schema, name = qualified.split(".")
    return names.key(SCHEMA_GROUPS[schema], name)


def published_tables(models: Models, names: Names) -> list[dg.AssetKey]:
    """The assets of the published tables."""
    return [asset_key(names, model.qualified) for model in models.published()]


def specs(models: Models, names: Names, collected: list[dg.AssetKey]) -> dict[str, dg.AssetSpec]:
    """Make an asset for every table and step, by qualified name, with what it reads as dependencies.

    A table that a step reads as the previous run left it is not among the dependencies.

    Args:
        models: the files of sql/.
        names: makes the asset keys.
        collected: the collected assets; the history depends on them.
    """
    shown = {model.qualified: model for model in [*models.published(), *step_lineage.steps(models)]}
    published = {
        model.qualified: {read for read in models.tables_read(model) if _is_shown(read)}
        for model in models.published()
    }
    stored = {f"history.{name}": set[str]() for name in declared.columns() if name != "models"}
    policy = {f"policy.{name}": set[str]() for name in POLICY}
    dependencies = step_lineage.with_steps(models, published | stored | policy)
    order = [*TopologicalSorter(dependencies).static_order()]
    kept = [name for name in order if name.partition(".")[0] not in STEP_GROUPS]
    constant = columns.table_metadata(models, kept, names, SCHEMA_GROUPS) if columns.is_shown() else {}
    return {
        name: _spec(
            name,
            names,
            shown.get(name),
            [asset_key(names, read) for read in sorted(dependencies[name])]
            or (collected if name.partition(".")[0] in {"history", "merge"} else []),
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
        if model.writes:
            description += f"\n\nA run writes the rows to {', '.join(f'`{to}`' for to in model.writes)}."
    group = "findings" if name in FINDINGS_GROUP else STEP_GROUPS.get(schema, SCHEMA_GROUPS[schema])
    return dg.AssetSpec(
        asset_key(names, name),
        deps=deps,
        description=description,
        group_name=names.group_of(group),
        kinds={"duckdb", "sql" if model else "python"},
        metadata=metadata,
    )
