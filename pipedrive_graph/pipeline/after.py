"""The steps of a company after publishing: its reports, and the alerts that are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipedrive_graph.alerts import heartbeat, send
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.landing import Manifest
from pipedrive_graph.reports.access.report import write_access_report
from pipedrive_graph.reports.findings_csv import write_findings

Warn = Callable[[str], None]


def report(home: Home, company: str) -> None:
    """Write the list of findings and the access report from the published file.

    Raises:
        PipedriveGraphError: if a report cannot be written; the earlier one stays.
    """
    write_findings(home, company)
    write_access_report(home, company)


def by_retention(companies: Sequence[Company]) -> list[list[Company]]:
    """The companies with a `retention_days`, grouped by its value: each group is one `forget`."""
    groups: dict[int, list[Company]] = {}
    for company in companies:
        if company.retention_days is not None:
            groups.setdefault(company.retention_days, []).append(company)
    return list(groups.values())


def alert(
    home: Home, alerts: AlertsFile, company: str, manifest: Manifest | None, *, on_warning: Warn
) -> list[str]:
    """Send the alerts that are due, and call the heartbeats if the run is complete.

    Returns:
        One sentence per failed delivery.

    Raises:
        PipedriveGraphError: if alerts.toml cannot be used, or the record of sent alerts cannot be read.
    """
    outcomes = send.send(home, alerts, company, on_wait=on_warning)
    if not send.problems(outcomes):
        heartbeats = alerts.usable().heartbeats_of(company)
        outcomes += heartbeat.send(heartbeats, home.published, company, manifest)
    return _warned(send.problems(outcomes), on_warning)


def alert_failure(
    home: Home, alerts: AlertsFile, company: str, error: Exception, *, on_warning: Warn
) -> list[str]:
    """Send an alert about an error that ended a company's steps, and all other alerts that are due.

    Returns:
        One sentence per failed delivery.
    """
    outcomes = send.after_failure(home, alerts, company, error, on_wait=on_warning)
    return _warned(send.problems(outcomes), on_warning)


def _warned(problems: list[str], on_warning: Warn) -> list[str]:
    for sentence in problems:
        on_warning(sentence)
    return problems
