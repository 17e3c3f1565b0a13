"""Watches a run that Dagster started, and records how it went, as `sync` does for its own.

A resource: Dagster makes it when the run starts, and ends it when the run ends, whether it succeeds, fails or
is cancelled. A run that does not collect is not recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipedrive_graph import errors
from pipedrive_graph.alerts import send
from pipedrive_graph.errors import BusyError, PipedriveGraphError
from pipedrive_graph.orchestration.configuration import Configuration
from pipedrive_graph.orchestration.observers import LogWatch
from pipedrive_graph.reports.summary import Summary, summarise
from pipedrive_graph.runs import record
from pipedrive_graph.runs.metrics import write_metrics
from pipedrive_graph.runs.recording import Recording
from pipedrive_graph.settings import Settings


@dg.resource(required_resource_keys={"configuration"})
@contextmanager
def recorded_watch(context: dg.InitResourceContext) -> Iterator[LogWatch]:
    """The watch of one run."""
    configuration: Configuration = context.resources.configuration
    log = context.log or logging.getLogger(__name__)
    watch = LogWatch()
    run_id = context.run.run_id if context.run else ""
    watch.on_begin = lambda company: _begin(configuration.known, company, run_id, log)
    try:
        yield watch
    finally:
        if watch.recording is not None and watch.company is not None:
            _end(configuration.known, watch, watch.recording, context.instance, run_id)
            write_metrics(configuration.known, log.warning)


def _begin(settings: Settings, company: str, run_id: str, log: logging.Logger) -> Recording:
    recording = Recording(settings, company, run_id, log.warning)
    recording.start()
    return recording


def _end(
    settings: Settings,
    watch: LogWatch,
    recording: Recording,
    instance: dg.DagsterInstance | None,
    run_id: str,
) -> None:
    """Record how the run has ended, by what Dagster logged of it."""
    kind, error = _error(instance, run_id)
    if kind == BusyError.__name__:
        recording.drop()
        return
    summary: Summary | None = None
    try:
        summary = summarise(settings.published, watch.company or "")
    except PipedriveGraphError as problem:
        kind, error = kind or type(problem).__name__, error or str(problem)
    manifest = watch.manifest
    verdict: str | None = manifest.verdict.status if manifest else None
    if manifest and summary and summary.snapshot_id == manifest.snapshot_id:
        verdict = summary.status
    counted = manifest if manifest and not watch.earlier else None
    recording.end(
        record.exit_code(
            getattr(getattr(errors, kind, None), "exit_code", 1) if kind else None,
            is_partial=verdict == "partial" or bool(summary and summary.broken),
            is_undelivered=bool(watch.undelivered),
        ),
        error=error,
        status=verdict or ("unfinished" if kind else None),
        snapshot_id=manifest.snapshot_id if manifest else None,
        requests=counted.requests if counted else 0,
        throttled=counted.throttled if counted else 0,
        alerts_not_sent=watch.undelivered,
        summary=summary,
    )


def _error(instance: dg.DagsterInstance | None, run_id: str) -> tuple[str | None, str | None]:
    """The kind of error that failed a step of the run, and its sentence; None where none failed."""
    if instance is None:
        return None, None
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        error = event.step_failure_data.error if event else None
        first = error
        while error:
            ours = send.sentence_of(error.cls_name or "", error.message)
            if ours:
                return error.cls_name, ours
            error = error.cause
        name = first.cls_name if first and first.cls_name else "Exception"
        if name == dg.DagsterExecutionInterruptedError.__name__:
            return name, "Interrupted."
        return name, f"an unexpected error, {name}; see run {run_id} in Dagster."
    return None, None
