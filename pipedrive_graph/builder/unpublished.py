"""Finds the snapshot that is committed and not published yet: a run was cut off, or failed, after reading."""

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
    """The snapshot that the published file shows of each company; none where it is missing or damaged."""
    if not published.exists():
        return {}
    try:
        with database.attached(published) as connection:
            shown = database.rows(connection, "SELECT company, snapshot_id FROM held.current_snapshot")
    except (duckdb.Error, LandingError):
        return {}  # damaged, or closed to this user: it is published again
    return {str(company): str(snapshot_id) for company, snapshot_id in shown}


def unpublished(landing: CompanyLanding, shown: Mapping[str, str]) -> Manifest | None:
    """The company's newest snapshot, if it was accepted and is not what is published.

    Args:
        landing: the company's snapshots.
        shown: what is published, as `published_snapshots` gives it.

    Raises:
        LandingError: if the newest manifest cannot be read.
    """
    newest = landing.latest()
    if newest is None or not newest.accepted or shown.get(newest.company) == newest.snapshot_id:
        return None
    return newest


def is_published(manifest: Manifest, published: Path) -> bool:
    """Whether a snapshot is the one that the published file shows."""
    return published_snapshots(published).get(manifest.company) == manifest.snapshot_id


def replaces_a_read(manifest: Manifest, company: Company, plan: Collect) -> bool:
    """Whether an unpublished snapshot is as good as a read now: it is young, and was asked the same way."""
    return (
        manifest.started_at <= clock.now() <= manifest.started_at + RESUME_WITHIN
        and manifest.identity.collect == plan
        and manifest.identity.base_url == company.base_url
    )
