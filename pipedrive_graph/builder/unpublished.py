"""Finds a committed snapshot that is not published yet because its run failed or was interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from pipedrive_graph.collect.resume import RESUME_WITHIN
from pipedrive_graph.common import clock
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing import CompanyLanding, Manifest
from pipedrive_graph.warehouse import database


def published_snapshots(published: Path) -> dict[str, str]:
    """The published snapshot of each company; empty if the published file is missing or damaged."""
    if not published.exists():
        return {}
    try:
        with database.attached(published) as connection:
            shown = database.rows(connection, "SELECT company, snapshot_id FROM held.current_snapshot")
    except (duckdb.Error, LandingError):
        return {}  # damaged or not readable by this user: the file will be published again
    return {str(company): str(snapshot_id) for company, snapshot_id in shown}


def unpublished(landing: CompanyLanding, shown: Mapping[str, str]) -> Manifest | None:
    """The company's newest snapshot if it was accepted and is not published.

    Args:
        landing: the company's snapshots.
        shown: the published snapshots, as `published_snapshots` returns them.

    Raises:
        LandingError: if the newest manifest cannot be read.
    """
    newest = landing.latest()
    if newest is None or not newest.accepted or shown.get(newest.company) == newest.snapshot_id:
        return None
    return newest


def is_published(manifest: Manifest, published: Path) -> bool:
    """Whether the published file shows this snapshot."""
    return published_snapshots(published).get(manifest.company) == manifest.snapshot_id


def replaces_a_read(manifest: Manifest, company: Company, plan: Collect) -> bool:
    """Whether an unpublished snapshot can replace a new read: it is recent and was collected the same way."""
    return (
        manifest.started_at <= clock.now() <= manifest.started_at + RESUME_WITHIN
        and manifest.identity.collect == plan
        and manifest.identity.base_url == company.base_url
        and manifest.visibility == company.visibility
        and manifest.plan == company.plan
    )
