"""The records in a backup: its head, and the list of its files."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from pipedrive_graph.landing.records import Mark

FORMAT = 1
"""The version of the archive's format."""

HEAD, MANIFEST, HOME = "BACKUP.json", "MANIFEST.json", "home/"
"""The names of the first and the last member, and the prefix of all others."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CompanyMark(_Record):
    """The extent of a company's data: its newest snapshot, and the mark of its journal."""

    snapshot_id: str | None
    journal: Mark | None


class Head(_Record):
    """Describes a backup.

    Attributes:
        pipedrive_graph_backup: the version of the archive's format.
        version: the version of the program that made it.
        at: when it was made.
        companies: the extent of each company's data.
        variables: the names of the environment variables that the home folder needs.
        tokens: whether it includes the OAuth tokens.
        outside: files outside the home folder that the settings name; the backup does not include them.
    """

    pipedrive_graph_backup: int = FORMAT
    version: str
    at: AwareDatetime
    companies: dict[str, CompanyMark] = {}
    variables: tuple[str, ...] = ()
    tokens: bool = True
    outside: tuple[str, ...] = ()


class Member(_Record):
    """One file of a backup; `name` is its path in the home folder, `mode` its permissions at that time."""

    name: str
    bytes: int
    sha256: str
    mode: str


class Manifest(_Record):
    """All files of a backup, and one sentence per file that was already damaged."""

    files: tuple[Member, ...]
    damaged: tuple[str, ...] = ()
