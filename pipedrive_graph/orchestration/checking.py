"""The step that runs the asset checks on demand. A nightly run only records results that have changed."""

from collections.abc import Callable, Iterator

import dagster as dg

from pipedrive_graph.orchestration import outcomes
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import Names
from pipedrive_graph.orchestration.outcomes import Outcome


def checking(configuration: DefinitionsConfiguration, names: Names) -> dg.AssetChecksDefinition:
    """Make all asset checks; each can be run on its own."""

    @dg.multi_asset_check(
        name=names.name("check"),
        specs=outcomes.specs(configuration.models, names),
        can_subset=True,
        description="Evaluate the checks on the stored data.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        selected = context.selected_asset_check_keys
        for outcome in outcomes.evaluate(configuration.settings, configuration.models, names):
            if outcome.key in selected:
                yield dg.AssetCheckResult(
                    asset_key=outcome.key.asset_key,
                    check_name=outcome.key.name,
                    passed=outcome.passed,
                    severity=outcome.severity,
                    description=outcome.description,
                )

    return check


def log_check(context: dg.OpExecutionContext | dg.AssetExecutionContext, outcome: Outcome) -> None:
    """Log a check's outcome from a step that is not an asset check."""
    evaluation = dg.AssetCheckEvaluation(
        asset_key=outcome.key.asset_key,
        check_name=outcome.key.name,
        passed=outcome.passed,
        severity=outcome.severity,
        description=outcome.description,
        blocking=False,
    )
    log_event: Callable[[dg.AssetCheckEvaluation], None] = context.log_event  # type: ignore[assignment]
    log_event(evaluation)  # Dagster accepts it, but does not declare it
