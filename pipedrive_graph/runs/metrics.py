"""The metrics of all companies in the format of Prometheus, for node_exporter's textfile collector."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipedrive_graph._version import __version__
from pipedrive_graph.common import files
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.runs.health import Health, health

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

_MODE = 0o644
"""Readable by all users: node_exporter runs as another user, and the file names no people."""


def write_metrics(
    home: Home,
    companies: Iterable[str],
    textfile: str | None,
    alerts: AlertsFile,
    on_warning: Callable[[str], None],
) -> None:
    """Write the metrics of all companies to the file in settings.toml, if set; an error is a warning.

    It reads the records of every company, so a run should not call it per company.

    Args:
        home: the home folder.
        companies: the names of all companies.
        textfile: the file, relative to the home folder; None writes no metrics.
        alerts: alerts.toml as it was read; sets the allowed age of published data.
        on_warning: called with a sentence if the metrics cannot be written.
    """
    if textfile is None:
        return
    try:
        usable = alerts.usable()
    except ConfigurationError as error:
        on_warning(f"The metrics are not written: {error}")
        return
    from prometheus_client import write_to_textfile  # imported late: slow, and few installations need it

    path = home.folder / files.expanded(textfile)
    healths = [health(home, company, usable) for company in companies]
    umask = os.umask(0o777 & ~_MODE)
    try:
        write_to_textfile(str(path), _registry(healths))
        path.chmod(_MODE)
    except OSError as error:
        on_warning(f"The metrics are not written: {files.cannot_write(Path(path), error)}")
    finally:
        os.umask(umask)


def as_text(healths: Iterable[Health]) -> str:
    """The metrics as text."""
    from prometheus_client import generate_latest

    return generate_latest(_registry(healths)).decode()


def _registry(healths: Iterable[Health]) -> CollectorRegistry:
    """The metrics; a metric with an unknown value has no sample."""
    from prometheus_client import CollectorRegistry, Gauge, Info

    registry = CollectorRegistry()
    Info("pipedrive_graph", "The version of pipedrive_graph.", registry=registry).info(
        {"version": __version__}
    )

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"pipedrive_graph_{name}", text, ("company", *labels), registry=registry)

    healthy = gauge("healthy", "1 if `pipedrive-graph status` ends with code 0, else 0.")
    running = gauge("run_under_way", "1 while a run is under way, else 0.")
    ended = gauge("last_run_timestamp_seconds", "When the last run ended.")
    succeeded = gauge("last_success_timestamp_seconds", "When a run last ended with exit code 0.")
    code = gauge("last_run_exit_code", "The exit code of the last run.")
    duration = gauge("last_run_duration_seconds", "The duration of the last run.")
    requests = gauge("last_run_requests", "Requests that the last run sent.")
    throttled = gauge("last_run_throttled_requests", "Requests of the last run that were answered with 429.")
    unsent = gauge("last_run_alerts_not_sent", "Alerts that the last run could not send.")
    published = gauge(
        "published_snapshot_timestamp_seconds", "When the last response of the published snapshot arrived."
    )
    findings = gauge("findings_open", "Open findings.", "severity")
    for company in healths:
        name, last = company.company, company.record.last
        healthy.labels(name).set(company.exit_code == 0)
        running.labels(name).set(company.is_running)
        if last:
            ended.labels(name).set(last.ended_at.timestamp())
            code.labels(name).set(last.exit_code)
            duration.labels(name).set(last.seconds)
            requests.labels(name).set(last.requests)
            throttled.labels(name).set(last.throttled)
            unsent.labels(name).set(len(last.alerts_not_sent))
        if company.record.succeeded_at:
            succeeded.labels(name).set(company.record.succeeded_at.timestamp())
        if company.finished_at:
            published.labels(name).set(company.finished_at.timestamp())
        counts = company.record.published.findings if company.record.published else {}
        for severity, count in counts.items():
            findings.labels(name, severity).set(count)
    return registry
