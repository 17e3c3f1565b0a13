"""Says what the graph's assets are: one for each table of the warehouse, after those that it is made from."""

from graphlib import TopologicalSorter

import dagster as dg

from pipedrive_graph.findings.peers import fill as peers
from pipedrive_graph.orchestration import descriptions
from pipedrive_graph.orchestration.collecting import DESCRIPTIONS
from pipedrive_graph.warehouse.declared import POLICY
from pipedrive_graph.warehouse.model import Kind, Model
from pipedrive_graph.warehouse.models import Models
from pipedrive_graph.warehouse.tables import columns

SCHEMA_GROUPS = {"main": "graph", "rules": "findings", "history": "history", "policy": "policy"}
"""How the schemas of the warehouse are called in Dagster: an asset's key prefix, and its group."""

FINDINGS_GROUP = {
    f"{schema}.{name}"
    for schema in ("history", "main")
    for name in ("findings", "finding_counts", "rule_runs")
}
"""Tables that belong with the rules, wherever they are kept."""

FINDINGS = "history.findings"
"""What all rules flow into."""

TALLIES = {"history.finding_counts", "history.rule_runs"}
"""What is counted of the findings after each night."""


def asset_key(qualified: str) -> dg.AssetKey:
    """The asset of a table: `main.users` is graph/users."""
    schema, name = qualified.split(".")
    return dg.AssetKey([SCHEMA_GROUPS[schema], name])


def tables(models: Models) -> list[dg.AssetKey]:
    """The assets of the tables that are published."""
    return [asset_key(model.qualified) for model in models.of("main", Kind.TABLE, Kind.VIEW)]


def specs(models: Models) -> dict[str, dg.AssetSpec]:
    """An asset for every table, by its qualified name, each after those that it is made from."""
    shown = {m.qualified: m for m in models if m.schema in SCHEMA_GROUPS and not m.kind.is_macro}
    above = {name: set(models.tables_read(model)) for name, model in shown.items()}
    kept = {f"history.{name}": set[str]() for name in columns() if name != "models"}
    given = {f"policy.{name}": set[str]() for name in POLICY}
    kept |= {name: set(peers.READS) for name in peers.WRITES}
    kept[FINDINGS] = {model.qualified for model in models.of("rules", Kind.RULE)}
    kept |= {name: {FINDINGS} for name in TALLIES}
    order = TopologicalSorter(
        {name: sorted(reads) for name, reads in (above | kept | given).items()}
    ).static_order()
    return {
        name: _model_spec(shown[name], above[name])
        if name in shown
        else _policy_spec(name)
        if name in given
        else _history_spec(name, kept[name])
        for name in order
    }


def _model_spec(model: Model, reads: set[str]) -> dg.AssetSpec:
    settings = model.header.settings
    description = model.header.comment
    if model.kind is Kind.RULE:
        description = (
            f"**{settings['title']}** ({settings['severity']}). {settings['meaning']}\n\n"
            f"*What to do:* {settings['remedy']}"
        )
    elif model.schema == "main":
        description += f"\n\nPublished in identity_graph.duckdb as `{model.name}`."
    return dg.AssetSpec(
        asset_key(model.qualified),
        deps=[asset_key(name) for name in sorted(reads)],
        description=description,
        group_name=_group(model.qualified),
        kinds={"duckdb", "sql"},
        code_version=model.sha256[:12],
    )


def _history_spec(name: str, reads: set[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(name),
        deps=[asset_key(rule) for rule in sorted(reads)] or list(DESCRIPTIONS),
        description=descriptions.HISTORY[name.partition(".")[2]],
        group_name=_group(name),
        kinds={"duckdb", "python"},
    )


def _policy_spec(name: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(name),
        description=descriptions.POLICY[name.partition(".")[2]],
        group_name=_group(name),
        kinds={"duckdb", "python"},
    )


def _group(name: str) -> str:
    return "findings" if name in FINDINGS_GROUP else SCHEMA_GROUPS[name.partition(".")[0]]
