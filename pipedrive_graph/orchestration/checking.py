"""The step that runs the asset checks by hand; a night records their results where they have changed."""

from collections.abc import Callable, Iterator

import dagster as dg

from pipedrive_graph.orchestration import outcomes
from pipedrive_graph.orchestration.configuration import DefinitionsConfiguration
from pipedrive_graph.orchestration.names import Names
from pipedrive_graph.orchestration.outcomes import Outcome


def checking(configuration: DefinitionsConfiguration, names: Names) -> dg.AssetChecksDefinition:
    """All checks; each can be run by itself."""

    @dg.multi_asset_check(
        name=names.name("check"),
        specs=outcomes.specs(configuration.models, names),
        can_subset=True,
        description="Look at what is kept, and say what each check shows.",
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
    """Log an outcome as an event of a step that is no check."""
    evaluation = dg.AssetCheckEvaluation(
        asset_key=outcome.key.asset_key,
        check_name=outcome.key.name,
        passed=outcome.passed,
        severity=outcome.severity,
        description=outcome.description,
        blocking=False,
    )
    log_event: Callable[[dg.AssetCheckEvaluation], None] = context.log_event  # type: ignore[assignment]
    log_event(evaluation)  # Dagster takes it, and does not declare it
