"""The landing of an installation: the snapshots of all companies."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.landing.storage import Storage
from pipedrive_graph.landing.store import CompanyLanding
from pipedrive_graph.landing.tombstones import Forgotten, read_forgotten, write_forgotten


class Landing:
    """All snapshots of all companies.

    Attributes:
        storage: the storage of the landing.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage.within("landing")

    @property
    def path(self) -> Path:
        """The location of the landing, for messages."""
        return self.storage.path()

    def of(self, company: str) -> CompanyLanding:
        """Return the snapshots of one company."""
        return CompanyLanding(self.storage, company)

    def companies(self) -> list[str]:
        """Return the names of the companies that have a folder in the landing.

        Raises:
            LandingError: if they cannot be listed.
        """
        return self.storage.folders()

    def forgotten(self) -> Forgotten:
        """Return the companies that `forget` removed.

        Raises:
            LandingError: if the file with the tombstones is damaged.
        """
        return read_forgotten(self.storage)

    def note_forgotten(self, forgotten: Forgotten) -> None:
        """Store the companies that `forget` removed.

        Raises:
            LandingError: if the file cannot be written.
        """
        write_forgotten(self.storage, forgotten)
