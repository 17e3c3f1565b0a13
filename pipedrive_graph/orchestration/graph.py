"""The graph assets: every file of sql/ that makes a table, and the history between them.

They are one multi-asset, because a snapshot is taken into the warehouse in one transaction: all of its
tables and findings, or nothing. Holds no logic: `pipedrive_graph.build` builds.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipedrive_graph import build
from pipedrive_graph.built import Built, about_values, warnings
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.orchestration.checks import company_check
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.orchestration.metadata import preview_metadata
from pipedrive_graph.orchestration.observers import Watch
from pipedrive_graph.orchestration.specs import SCHEMA_GROUPS, asset_key, specs
from pipedrive_graph.warehouse.lineage import Source, column_lineage
from pipedrive_graph.warehouse.models import PYTHON_SCHEMAS, Models

CHECKED = dg.AssetKey(["graph", "users"])
"""The asset that the checks of the whole build stand at."""

PREVIEWED = tuple(
    f"main.{name}"
    for name in (
        "roles",
        "permission_sets",
        "role_permissions",
        "rule_thresholds",
        "sensitive_permissions",
        "toxic_combinations",
        "allowed_permissions",
    )
)
"""Tables of which a run shows the first rows. They say nothing about people: Dagster keeps what it shows."""


def graph(companies: dg.PartitionsDefinition[str], models: Models) -> dg.AssetsDefinition:
    """The multi-asset of all tables of the warehouse."""
    assets = specs(models)

    @dg.multi_asset(
        name="build",
        partitions_def=companies,
        specs=list(assets.values()),
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
        configuration: dg.ResourceParam[Configuration],
        watch: dg.ResourceParam[Watch],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        settings = configuration.settings
        warn = watch.observer(context.partition_key, context.log).warn
        explain = not context.instance.is_ephemeral  # nobody can look at what an ephemeral instance keeps
        try:
            built = build.build(
                settings,
                models,
                context.partition_key,
                tell=warn,
                preview=PREVIEWED if explain else (),
            )
        except WarehouseError as error:
            yield dg.AssetCheckResult(
                check_name="rows_kept", asset_key=CHECKED, passed=False, description=str(error)
            )
            raise
        for sentence in warnings(built, names_people=watch.names_people):
            warn(sentence)
        shown = [models[name] for name in assets if name.partition(".")[0] not in PYTHON_SCHEMAS]
        lineage = column_lineage(models, shown) if explain else {}
        for name, spec in assets.items():
            metadata = _metadata(models, name, built, lineage) if explain else {}
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)
        yield dg.AssetCheckResult(check_name="rows_kept", asset_key=CHECKED, passed=True)
        yield dg.AssetCheckResult(
            check_name="values_readable",
            asset_key=CHECKED,
            passed=not built.unreadable,
            severity=dg.AssetCheckSeverity.WARN,
            description=next(about_values(built, names_people=False), None),
        )
        yield dg.AssetCheckResult(
            check_name="rules_ran",
            asset_key=dg.AssetKey(["graph", "findings"]),
            passed=not built.broken,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join(built.broken) or None,
        )

    return build_graph


def _metadata(
    models: Models, name: str, built: Built, lineage: dict[str, dict[str, list[Source]]]
) -> dict[str, Any]:
    """Table name, columns with types and comments, lineage by column, and the company's rows."""
    schema = name.partition(".")[0]
    metadata: dict[str, Any] = {"dagster/table_name": f"warehouse.{name}"}
    if name in built.rows:
        metadata["dagster/partition_row_count"] = built.rows[name]
    types = built.types.get(name, {})
    if schema in PYTHON_SCHEMAS:
        columns = [dg.TableColumn(column, type_) for column, type_ in types.items()]
        return {**metadata, "dagster/column_schema": dg.TableSchema(columns)}
    if name in built.previews:
        metadata |= preview_metadata(built.previews[name])
    model = models[name]
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
            for column, sources in lineage[name].items()
        }
    )
    return metadata
