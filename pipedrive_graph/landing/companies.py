"""The folder of the landing: one folder of snapshots per company."""

from __future__ import annotations

from pathlib import Path

from pipedrive_graph.landing.company import CompanyLanding
from pipedrive_graph.landing.verified import readable


class Landing:
    """The folder of all snapshots of all companies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, company: str) -> CompanyLanding:
        """The snapshots of one company."""
        return CompanyLanding(self.folder, company)

    def companies(self) -> list[str]:
        """Names of the companies that have a folder here.

        Raises:
            LandingError: if the folder cannot be listed.
        """
        with readable(self.folder):
            if not self.folder.is_dir():
                return []
            return sorted(path.name for path in self.folder.iterdir() if path.is_dir())
