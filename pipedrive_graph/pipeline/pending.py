"""Finds the companies whose newest accepted snapshot is not published: their build is pending."""

from __future__ import annotations

from collections.abc import Iterable

from pipedrive_graph.builder.unpublished import published_snapshots, unpublished
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.landing import Landing, Manifest


def pending(settings: Settings, companies: Iterable[str]) -> dict[str, Manifest]:
    """The newest snapshot of each of these companies, where it was accepted and is not published.

    A rejected snapshot that is newer hides an accepted one: what is published stays until a read succeeds.

    Raises:
        LandingError: if a manifest cannot be read.
    """
    shown = published_snapshots(settings.published)
    landing = Landing(settings.storage)
    found = {company: unpublished(landing.of(company), shown) for company in companies}
    return {company: manifest for company, manifest in found.items() if manifest is not None}
