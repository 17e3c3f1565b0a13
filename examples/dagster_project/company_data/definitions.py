"""An asset of the project, downstream of the published file, merged with pipedrive_graph's definitions."""

import dagster as dg

import pipedrive_graph
from pipedrive_graph.orchestration.build import build_definitions


@dg.asset(deps=[dg.AssetKey(["crm", "identity_graph"])], group_name="reporting")
def admins_per_company() -> dg.MaterializeResult:
    """One row per company: how many people are admins."""
    with pipedrive_graph.open() as graph:
        admins = graph.query(
            "SELECT company, count(*) AS admins FROM users WHERE admin AND live GROUP BY ALL"
        )
    return dg.MaterializeResult(metadata={row.company: int(row.admins) for row in admins.itertuples()})


defs = dg.Definitions.merge(
    dg.Definitions(assets=[admins_per_company]),
    build_definitions(key_prefix="crm", group="pipedrive"),
)
