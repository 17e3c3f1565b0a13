"""Processes a batch of collected companies: builds, publishes once, then reports and alerts for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipedrive_graph.builder import build
from pipedrive_graph.builder.built import Batch, warnings
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.forget.age import apply_retention
from pipedrive_graph.landing import Manifest
from pipedrive_graph.pipeline import after
from pipedrive_graph.pipeline.progress import Progress
from pipedrive_graph.published.connection import kept_open
from pipedrive_graph.warehouse.database import is_interrupt


def process(configuration: Configuration, progress: Progress, names: Sequence[str]) -> None:
    """Build, publish, report and alert for companies whose snapshots are ready.

    Args:
        configuration: the configuration files of the home folder.
        progress: the companies that are left; receives errors and warnings.
        names: the companies of the batch.
    """
    settings, models = configuration.settings, configuration.models
    events, names = progress.events, progress.still(names)
    with progress.concerning(names):
        batch = _built(configuration, names, on_wait=events.observer(names[0]).warn)
        for name, error in batch.failed.items():
            progress.fail(name, error)
        for name, built in batch.built.items():
            with events.about(name):
                for sentence in warnings(built, names_people=events.names_people):
                    events.observer(name).warn(sentence)
        if batch.loose:
            progress.warn(names[0], batch.loose)
        done = progress.still(names)
        if done:
            rows = build.publish(settings, models, on_wait=events.observer(done[0]).warn)
            events.published(done, rows)
    with kept_open(settings.published):
        for name in progress.still(names):
            with progress.concerning([name]):
                after.report(settings, name)
    left = [company for company in progress.left if company.name in names]
    for group in after.by_retention(left):
        on_warning = events.observer(group[0].name).warn
        with progress.concerning([company.name for company in group]):
            if removed := apply_retention(
                settings, models, configuration.policies, group, on_wait=on_warning
            ):
                on_warning(removed)
    with kept_open(settings.published):
        for name in progress.still(names):
            with progress.concerning([name]):
                problems = after.alert(
                    settings,
                    configuration.alerts_file,
                    name,
                    progress.manifests.get(name),
                    on_warning=events.observer(name).warn,
                )
                events.alerted(name, problems)
                progress.end(name)


def _built(configuration: Configuration, names: Sequence[str], *, on_wait: Callable[[str], None]) -> Batch:
    settings = configuration.settings
    return build.build_batch(
        settings,
        configuration.models,
        configuration.policies,
        configuration.waivers,
        [settings.company(name) for name in names],
        on_wait=on_wait,
    )


def catch_up(configuration: Configuration, progress: Progress, overdue: dict[str, Manifest]) -> None:
    """Build and publish snapshots of earlier runs while their companies are collected again.

    A failure is only a warning: the collection continues, and if the build fails again afterwards, that is
    the error of the run.

    Args:
        configuration: the configuration files of the home folder.
        progress: receives the warnings.
        overdue: the newest snapshot of each company.
    """
    failed: dict[str, Exception] = {}
    on_wait = progress.events.observer(next(iter(overdue))).warn
    try:
        failed |= _built(configuration, [*overdue], on_wait=on_wait).failed
        if len(failed) < len(overdue):
            build.publish(configuration.settings, configuration.models, on_wait=on_wait)
    except Exception as error:
        if is_interrupt(error):
            raise
        failed |= dict.fromkeys(overdue, error)
    for name, manifest in overdue.items():
        if name in failed:
            cause = failed[name]
            reason = str(cause) if isinstance(cause, PipedriveGraphError) else type(cause).__name__
            progress.warn(
                name, f"Snapshot {manifest.snapshot_id} could not be built before reading: {reason}"
            )
        else:
            progress.warn(
                name,
                f"Snapshot {manifest.snapshot_id} of an earlier run was not published:"
                " it was built and published first.",
            )
