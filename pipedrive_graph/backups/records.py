"""The records in a backup: what it is, and which files it holds."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from pipedrive_graph.landing.records import Mark

FORMAT = 1
"""The form of the archive; a later version may write another."""

HEAD, MANIFEST, HOME = "BACKUP.json", "MANIFEST.json", "home/"
"""The names of the first and the last member, and what the names of all others begin with."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CompanyMark(_Record):
    """How far a company's data goes: its newest snapshot, and what its journal holds; None for none."""

    snapshot_id: str | None
    journal: Mark | None


class Head(_Record):
    """What a backup is.

    Attributes:
        pipedrive_graph_backup: the form of the archive.
        version: the version that made it.
        at: when it was made.
        companies: how far the data of each company goes.
        variables: names of the environment variables that the home folder needs.
        tokens: whether the OAuth tokens are in it.
        outside: files that the settings name and that lie outside the home folder; they are not in it.
    """

    pipedrive_graph_backup: int = FORMAT
    version: str
    at: AwareDatetime
    companies: dict[str, CompanyMark] = {}
    variables: tuple[str, ...] = ()
    tokens: bool = True
    outside: tuple[str, ...] = ()


class Member(_Record):
    """One file of a backup; `name` is its path in the home folder, `mode` that of the file then."""

    name: str
    bytes: int
    sha256: str
    mode: str


class Manifest(_Record):
    """All files of a backup; a sentence for each file that was damaged already when it was backed up."""

    files: tuple[Member, ...]
    damaged: tuple[str, ...] = ()
