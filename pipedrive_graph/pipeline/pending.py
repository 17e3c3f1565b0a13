"""Finds the companies whose newest accepted snapshot is not published: their build is pending."""

from __future__ import annotations

from collections.abc import Iterable

from pipedrive_graph.builder.unpublished import published_snapshots, unpublished
from pipedrive_graph.config.home import Home
from pipedrive_graph.landing import Landing, Manifest


def pending(home: Home, companies: Iterable[str]) -> dict[str, Manifest]:
    """The newest snapshot of each of these companies, if it was accepted and is not published.

    A newer rejected snapshot hides an accepted one: the published state stays until a collection succeeds.

    Raises:
        LandingError: if a manifest cannot be read.
    """
    shown = published_snapshots(home.published)
    landing = Landing(home.storage)
    newest = {company: unpublished(landing.of(company), shown) for company in companies}
    return {company: manifest for company, manifest in newest.items() if manifest is not None}
