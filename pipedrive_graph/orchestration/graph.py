"""The graph assets: every file of sql/ that makes a table, and the history between them.

They are one multi-asset, because a snapshot is taken into the warehouse in one transaction: all of its
tables and findings, or nothing. Holds no logic: `pipedrive_graph.build` builds.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from pipedrive_graph import build
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.findings.peers import fill as peers
from pipedrive_graph.orchestration.checks import company_check
from pipedrive_graph.orchestration.collecting import DESCRIPTIONS
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.settings import Settings
from pipedrive_graph.warehouse.lineage import column_lineage
from pipedrive_graph.warehouse.models import PYTHON_SCHEMAS, Kind, Model, Models
from pipedrive_graph.warehouse.tables import POLICY, columns

SCHEMA_GROUPS = {"main": "graph", "rules": "findings", "history": "history", "policy": "policy"}
"""How the schemas of the warehouse are called in Dagster: an asset's key prefix, and its group."""

FINDINGS_GROUP = {
    f"{schema}.{name}"
    for schema in ("history", "main")
    for name in ("findings", "finding_counts", "rule_runs")
}
"""Tables that belong with the rules, wherever they are kept."""

CHECKED = dg.AssetKey(["graph", "users"])
"""The asset that the checks of the whole build stand at."""

FINDINGS = "history.findings"
"""What all rules flow into."""

TALLIES = {"history.finding_counts", "history.rule_runs"}
"""What is counted of the findings after each night."""

SHOWN = 10
"""How many rows of a roster a warning names."""

HISTORY_DESCRIPTIONS = {
    "users": "One row per version of a user.",
    "users_latest": "One row per user: the latest of what moves without meaning a change, as the last login.",
    "roles": "One row per version of a role.",
    "roles_latest": "One row per role: Pipedrive's latest counts of members and sub-roles.",
    "user_roles": "One row per version of a role assignment.",
    "permission_sets": "One row per version of a permission set.",
    "permission_sets_latest": "One row per permission set: Pipedrive's latest count of users.",
    "user_permissions": "One row per version of a user's permission flag, as observed.",
    "snapshots": "One row per committed snapshot, rejected ones included.",
    "coverage": "One row per call of the company's latest snapshot, and how it ended.",
    "observations": "One row per subject and table: when it was told in full first and last.",
    "permission_answers": "One row per user: which answer about permissions the latest snapshot has.",
    "access_signatures": "One row per user: what decides which permissions the user should hold.",
    "corrections": "One row per inferred permission that a later answer disproved.",
    "unreadable_values": "One row per value of the latest snapshot that could not be read.",
    "peer_groups": "One row per live user: with whom the user is compared, or why with nobody.",
    "peer_comparisons": "One row per permission that few or none of a user's peers hold, with its score.",
    "findings": "One row per finding, open, waived or resolved, over all nights.",
    "finding_counts": "One row per snapshot, status and severity: how many findings there were.",
    "rule_runs": "One row per rule of the latest snapshot: whether it was run, and how often it fired.",
    "waivers": "One row per waiver of waivers.toml, as last read.",
    "reviews": "One row per access review.",
    "review_items": "One row per user of a review's population, as it was frozen.",
    "review_decisions": "One row per decision of a review, superseded ones included.",
    "journal": "One row per company: how much of its journal is done.",
}
"""What the tables of the history hold, which Python writes."""

POLICY_DESCRIPTIONS = {
    "thresholds": "One row per number at which a rule fires.",
    "sensitive_permissions": "One row per sensitive permission.",
    "email_domains": "One row per e-mail domain that findings.toml calls the company's own.",
    "allowed_permissions": "One row per role and sensitive permission that its members may hold.",
    "mailbox_names": "One row per name of a shared mailbox.",
    "combinations": "One row per permission in a clause of a toxic combination.",
    "roster": "One row per row of the company's roster.",
}
"""What the tables of the policy hold: findings.toml and the roster, for each company."""


def asset_key(qualified: str) -> dg.AssetKey:
    """The asset of a table: `main.users` is graph/users."""
    schema, name = qualified.split(".")
    return dg.AssetKey([SCHEMA_GROUPS[schema], name])


def graph(companies: dg.PartitionsDefinition[str], models: Models) -> dg.AssetsDefinition:
    """The multi-asset of all tables of the warehouse."""
    specs = _specs(models)

    @dg.multi_asset(
        name="build",
        partitions_def=companies,
        specs=list(specs.values()),
        check_specs=[
            company_check(
                "rows_kept",
                asset=CHECKED,
                companies=companies,
                blocking=True,
                description="Every answer reached the history, and every key identifies its row.",
            ),
            company_check(
                "values_readable",
                asset=CHECKED,
                companies=companies,
                description="Every value could be read as what it should be; the others count as unknown.",
            ),
            company_check(
                "rules_ran",
                asset=dg.AssetKey(["graph", "findings"]),
                companies=companies,
                description="Every rule could be run; what the others found before stays as it was.",
            ),
        ],
    )
    def build_graph(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        watch: dg.ResourceParam[Watch],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        try:
            built = build.build(settings, models, context.partition_key, tell=context.log.info)
        except WarehouseError as error:
            yield dg.AssetCheckResult(
                check_name="rows_kept", asset_key=CHECKED, passed=False, description=str(error)
            )
            raise
        if built.unreadable:
            watch.observer(context.partition_key, context.log).warn(
                f"{len(built.unreadable)} values could not be read, the first: {built.unreadable[0]}. "
                "They count as last known, or as not known; the table unreadable_values has them all."
            )
        if built.unusable:
            watch.observer(context.partition_key, context.log).warn(
                f"{len(built.unusable)} rows of the roster are not used: {listed(built.unusable)}. "
                "The table roster has them all."
            )
        for sentence in built.waivers:
            watch.observer(context.partition_key, context.log).warn(sentence)
        for sentence in built.broken:
            watch.observer(context.partition_key, context.log).warn(
                f"{sentence} The other rules were run; what this one found before stays as it was."
            )
        explain = not context.instance.is_ephemeral  # nobody can look at what an ephemeral instance keeps
        for name, spec in specs.items():
            metadata = _metadata(models, name, built) if explain else {}
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)
        yield dg.AssetCheckResult(check_name="rows_kept", asset_key=CHECKED, passed=True)
        yield dg.AssetCheckResult(
            check_name="values_readable",
            asset_key=CHECKED,
            passed=not built.unreadable,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join(built.unreadable[:20]) or None,
        )
        yield dg.AssetCheckResult(
            check_name="rules_ran",
            asset_key=dg.AssetKey(["graph", "findings"]),
            passed=not built.broken,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join(built.broken) or None,
        )

    return build_graph


def tables(models: Models) -> list[dg.AssetKey]:
    """The assets of the tables that are published."""
    return [asset_key(model.qualified) for model in models.of("main", Kind.TABLE, Kind.VIEW)]


def _specs(models: Models) -> dict[str, dg.AssetSpec]:
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
        description = f"{settings['title']} ({settings['severity']}). {settings['meaning']}"
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
        description=HISTORY_DESCRIPTIONS[name.partition(".")[2]],
        group_name=_group(name),
        kinds={"duckdb", "python"},
    )


def _policy_spec(name: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(name),
        description=POLICY_DESCRIPTIONS[name.partition(".")[2]],
        group_name=_group(name),
        kinds={"duckdb", "python"},
    )


def listed(problems: list[str]) -> str:
    """The first of many, and how many more there are."""
    shown = "; ".join(problems[:SHOWN])
    return f"{shown}; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else shown


def _group(name: str) -> str:
    return "findings" if name in FINDINGS_GROUP else SCHEMA_GROUPS[name.partition(".")[0]]


def _metadata(models: Models, name: str, built: build.Built) -> dict[str, Any]:
    """Table name, columns with types and comments, lineage by column, and the company's rows."""
    schema = name.partition(".")[0]
    metadata: dict[str, Any] = {"dagster/table_name": f"warehouse.{name}"}
    if name in built.rows:
        metadata["dagster/partition_row_count"] = built.rows[name]
    if schema in PYTHON_SCHEMAS:
        return metadata
    model = models[name]
    types = built.types.get(name, {})
    metadata["dagster/column_schema"] = dg.TableSchema(
        [
            dg.TableColumn(column, types.get(column, "unknown"), description=comment)
            for column, comment in model.columns.items()
        ]
    )
    metadata["dagster/column_lineage"] = dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=asset_key(table), column_name=source)
                for table, source in sources
                if table.partition(".")[0] in SCHEMA_GROUPS
            ]
            for column, sources in column_lineage(models, model).items()
        }
    )
    return metadata
