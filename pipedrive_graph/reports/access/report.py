"""Writes the access report of a company: one file that opens anywhere, without a network."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

from markupsafe import Markup

from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.landing import Landing
from pipedrive_graph.reports.access.appendix import appendix, proof
from pipedrive_graph.reports.access.changes import changes
from pipedrive_graph.reports.access.findings import findings, rules_of
from pipedrive_graph.reports.access.heatmap import heatmap
from pipedrive_graph.reports.access.overview import overview
from pipedrive_graph.reports.access.page import render
from pipedrive_graph.reports.access.people import embedded, people
from pipedrive_graph.reports.access.roles import tree
from pipedrive_graph.reports.access.source import source
from pipedrive_graph.reports.access.timeline import timeline
from pipedrive_graph.warehouse.sql_project import Models

_log = logging.getLogger(__name__)


def write_access_report(
    settings: Settings, models: Models, company: str, *, since: date | None = None, out: Path | None = None
) -> Path:
    """Write the report of what is published of a company; the same input makes the same bytes.

    Args:
        settings: where the published file and the landing lie.
        models: the rules say why their findings matter.
        company: whose report to write.
        since: compare with the last snapshot before this day; by default, with the snapshot before.
        out: where to write it; by default, among the company's reports.

    Returns:
        The file's path.

    Raises:
        ConfigurationError: if the company, or a snapshot before that day, is not in the published file.
        LandingError: if the file cannot be written.
        WarehouseError: if nothing is published yet, or by another version.
    """
    path = out or settings.access_report(company)
    with timed(_log, f"Writing {path.name} of '{company}'"):
        _write(settings, models, company, since, path)
    return path


def _write(settings: Settings, models: Models, company: str, since: date | None, path: Path) -> None:
    rules = rules_of(models)
    with source(settings.published, company, since) as found:
        proven = proof(Landing(settings.storage), found)
        roles = tree(found)
        data = people(found)
        content = {
            "now": found.now,
            "base": found.base,
            "proof": proven,
            "overview": overview(found, proven.manifest),
            "findings": findings(found, rules),
            "nights": changes(found),
            "tree": roles,
            "heatmap": heatmap(found, roles),
            "people": Markup(embedded(data)),  # noqa: S704 - escaped for where it stands
            "with_page": {str(user_id) for user_id, *_ in data["users"]},
            "timeline": timeline(found),
            "appendix": appendix(found, rules, proven.manifest),
        }
    page = render(content, company=company, snapshot_id=found.now.snapshot_id)
    settings.output.within(path).write(path, page.encode())
