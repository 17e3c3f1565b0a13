"""The home folder: the paths of everything in it, the storage, and the access to its output.

Functions that read or write files of the home folder take a `Home`. `Settings` adds the companies and the
options; only the code that starts a command takes it, and hands their values down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipedrive_graph.config import output_access
from pipedrive_graph.config.output_access import OutputAccess
from pipedrive_graph.config.publication import Publication, PublishedFile
from pipedrive_graph.landing.storage import FolderStorage, Storage


@dataclass(frozen=True, slots=True)
class Home:
    """The home folder.

    Attributes:
        folder: its path.
        access: who may read output, according to settings.toml; None for its owner only.
    """

    folder: Path
    access: OutputAccess | None = field(default=None, kw_only=True)

    @property
    def output(self) -> OutputAccess:
        """Writes output files with the configured group and mode."""
        return self.access or OutputAccess(self.folder)

    @property
    def storage(self) -> Storage:
        """The storage of the landing and the journal."""
        return FolderStorage(self.folder)

    @property
    def landing(self) -> Path:
        """The folder of all snapshots."""
        return self.folder / "landing"

    @property
    def journal(self) -> Path:
        """The folder of the decision journals, with one file per company."""
        return self.folder / "journal"

    @property
    def warehouse(self) -> Path:
        """The internal database of the pipeline."""
        return self.folder / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The database for users."""
        return self.folder / output_access.PUBLISHED

    @property
    def publication(self) -> Publication:
        """The place of the published file."""
        return PublishedFile(self.published, self.output)

    @property
    def reports(self) -> Path:
        """The folder of the reports, with one folder per company."""
        return self.folder / "reports"

    @property
    def parsed_queries(self) -> Path:
        """The cache of parsed queries of sql/ and custom rules; any process can recreate it."""
        return self.folder / "cache" / "sql.json"

    def access_report(self, company: str) -> Path:
        """Return the path of a company's access report."""
        return self.reports / company / "access_report.html"
