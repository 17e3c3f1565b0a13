"""Writes the access report of a company: one HTML file that needs no network."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

from markupsafe import Markup

from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.home import Home
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
from pipedrive_graph.reports.access.visibility import COLUMNS, visibility

_log = logging.getLogger(__name__)


def write_access_report(
    home: Home, company: str, *, since: date | None = None, out: Path | None = None
) -> Path:
    """Write the access report of a company; the same input yields the same bytes.

    Args:
        home: the home folder.
        company: the company.
        since: compare with the last snapshot before this day; by default, with the previous snapshot.
        out: the file to write; by default, in the folder of the company's reports.

    Returns:
        The path of the file.

    Raises:
        ConfigurationError: if the company, or a snapshot before that day, is not in the published file.
        LandingError: if the file cannot be written.
        WarehouseError: if nothing is published yet, or another version published it.
    """
    path = out or home.access_report(company)
    with timed(_log, f"Writing {path.name} of '{company}'"):
        _write(home, company, since, path)
    return path


def _write(home: Home, company: str, since: date | None, path: Path) -> None:
    with source(home.published, company, since) as opened:
        rules = rules_of(opened)
        proven = proof(Landing(home.storage), opened)
        roles = tree(opened)
        seen = visibility(opened)
        data = people(opened, seen.views)
        content = {
            "now": opened.now,
            "base": opened.base,
            "proof": proven,
            "overview": overview(opened, proven.manifest),
            "findings": findings(opened, rules),
            "change_sets": changes(opened),
            "tree": roles,
            "visibility": seen,
            "shared_items": COLUMNS,
            "heatmap": heatmap(opened, roles),
            "people": Markup(embedded(data)),  # noqa: S704 - escaped by `embedded`
            "with_page": {str(user_id) for user_id, *_ in data["users"]},
            "timeline": timeline(opened),
            "appendix": appendix(opened, rules, proven.manifest),
        }
    page = render(content, company=company, snapshot_id=opened.now.snapshot_id)
    home.output.within(path).write(path, page.encode())
