"""The landing of an installation: the snapshots of all companies."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.landing.storage import Storage
from pipedrive_graph.landing.store import CompanyLanding
from pipedrive_graph.landing.tombstones import Forgotten, read_forgotten, write_forgotten


class Landing:
    """All snapshots of all companies.

    Attributes:
        storage: the storage of an installation; the landing is one part of it.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage.within("landing")

    @property
    def path(self) -> Path:
        """How messages name its place."""
        return self.storage.path()

    def of(self, company: str) -> CompanyLanding:
        """The snapshots of one company."""
        return CompanyLanding(self.storage, company)

    def companies(self) -> list[str]:
        """Names of the companies of which something is kept here.

        Raises:
            LandingError: if they cannot be listed.
        """
        return self.storage.folders()

    def forgotten(self) -> Forgotten:
        """Which companies `forget` has removed.

        Raises:
            LandingError: if the file that says so is damaged.
        """
        return read_forgotten(self.storage)

    def note_forgotten(self, forgotten: Forgotten) -> None:
        """Write down which companies `forget` has removed.

        Raises:
            LandingError: if that cannot be written.
        """
        write_forgotten(self.storage, forgotten)
