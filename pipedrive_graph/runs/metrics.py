"""The metrics of all companies in the form that Prometheus reads, for node_exporter's textfile collector."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipedrive_graph import __version__
from pipedrive_graph.common import files
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.runs.health import Health, health

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

_MODE = 0o644
"""The file is for another program's user, and names no people."""


def write_metrics(settings: Settings, alerts: AlertsFile, on_warning: Callable[[str], None]) -> None:
    """Write the metrics of all companies where settings.toml says, if it does; an error is a warning.

    It looks at every company, so a run calls it once, not once per company.

    Args:
        settings: where the records of the runs lie, and where the metrics go.
        alerts: alerts.toml as it was read; it says how old what is published may be.
        on_warning: called with what went wrong.
    """
    try:
        textfile = settings.options.metrics.textfile
        if textfile is None:
            return
        usable = alerts.usable()
    except ConfigurationError as error:
        on_warning(f"The metrics are not written: {error}")
        return
    from prometheus_client import write_to_textfile  # takes long to import, and few installations need it

    path = settings.home / files.expanded(textfile)
    found = [health(settings, company.name, usable) for company in settings.companies]
    umask = os.umask(0o777 & ~_MODE)
    try:
        write_to_textfile(str(path), _registry(found))
        path.chmod(_MODE)
    except OSError as error:
        on_warning(f"The metrics are not written: {files.cannot_write(Path(path), error)}")
    finally:
        os.umask(umask)


def as_text(found: Iterable[Health]) -> str:
    """The metrics as text."""
    from prometheus_client import generate_latest

    return generate_latest(_registry(found)).decode()


def _registry(found: Iterable[Health]) -> CollectorRegistry:
    """The metrics; one of which nothing is known yet has no sample."""
    from prometheus_client import CollectorRegistry, Gauge, Info

    registry = CollectorRegistry()
    Info("pipedrive_graph", "The version of pipedrive_graph.", registry=registry).info(
        {"version": __version__}
    )

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"pipedrive_graph_{name}", text, ("company", *labels), registry=registry)

    healthy = gauge("healthy", "1 where `pipedrive-graph status` ends with code 0, else 0.")
    running = gauge("run_under_way", "1 while a run is under way, else 0.")
    ended = gauge("last_run_timestamp_seconds", "When the last run ended.")
    succeeded = gauge("last_success_timestamp_seconds", "When a run last ended with exit code 0.")
    code = gauge("last_run_exit_code", "The exit code of the last run.")
    duration = gauge("last_run_duration_seconds", "How long the last run took.")
    requests = gauge("last_run_requests", "Requests that the last run sent.")
    throttled = gauge("last_run_throttled_requests", "Requests of the last run that were answered with 429.")
    unsent = gauge("last_run_alerts_not_sent", "Alerts that the last run could not send.")
    published = gauge(
        "published_snapshot_timestamp_seconds", "When the last answer of the published snapshot was in."
    )
    findings = gauge("findings_open", "Open findings.", "severity")
    for one in found:
        name, last = one.company, one.record.last
        healthy.labels(name).set(one.exit_code == 0)
        running.labels(name).set(one.is_running)
        if last:
            ended.labels(name).set(last.ended_at.timestamp())
            code.labels(name).set(last.exit_code)
            duration.labels(name).set(last.seconds)
            requests.labels(name).set(last.requests)
            throttled.labels(name).set(last.throttled)
            unsent.labels(name).set(len(last.alerts_not_sent))
        if one.record.succeeded_at:
            succeeded.labels(name).set(one.record.succeeded_at.timestamp())
        if one.finished_at:
            published.labels(name).set(one.finished_at.timestamp())
        for severity, count in (one.record.published.findings if one.record.published else {}).items():
            findings.labels(name, severity).set(count)
    return registry
