"""Renews a company's reports after a decision, such as a waiver."""

from __future__ import annotations

from pipedrive_graph.cli.logs import warn
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import LandingError
from pipedrive_graph.reports.access.report import write_access_report
from pipedrive_graph.reports.findings_csv import write_findings
from pipedrive_graph.runs.recording import note_published


def renew_reports(home: Home, company: str) -> None:
    """Write the reports of a company again from the published file.

    Raises:
        LandingError: if they cannot be written; the decision is already recorded and published.
    """
    try:
        note_published(home, company, warn)
        write_findings(home, company)
        write_access_report(home, company)
    except LandingError as error:
        raise LandingError(
            f"{error} The decision is recorded and published; the next sync writes the reports."
        ) from error
