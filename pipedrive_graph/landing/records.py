"""The records in a snapshot's JSON files, and how they are read."""

from __future__ import annotations

import gzip
import zlib
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pipedrive_graph.common import files
from pipedrive_graph.common.sealed import Sealed
from pipedrive_graph.errors import DamagedFileError
from pipedrive_graph.landing.storage import Storage

MANIFEST, DRAFT, ABANDONED = "manifest.json", "draft.json", "abandoned.json"
SNAPSHOT_ID = "%Y%m%dT%H%M%S-%f"
"""Format of a snapshot's id: the time at which it was started, in UTC."""

SET_ASIDE = "manifest.set-aside.json"
"""The name of a manifest that was set aside: its snapshot no longer counts."""

KNOWN, MEMORY, GAPS = "known.json", "memory.json.gz", "gaps.json"
DERIVED = {KNOWN, MEMORY}
"""The files that are derived from the answers of a snapshot, and can be rebuilt from them."""


class Record(BaseModel):
    """Base class of all records: immutable; fields that a later version adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Identity(Record):
    """The identity of a run; a run only resumes a snapshot if all of it is the same."""

    collect: str
    base_url: str
    company_id: int
    token_owner: int
    version: str


class Draft(Sealed, Record):
    """The head of a snapshot that is not committed yet.

    `continues_at` is set if the day's budget ended the run: the time when a new budget is expected.
    `sha256` is the digest of all other fields; earlier versions wrote none.
    """

    snapshot_id: str
    started_at: AwareDatetime
    identity: Identity
    continues_at: AwareDatetime | None = None
    sha256: str | None = None


class Coverage(Record):
    """The number of calls to one endpoint, and their outcomes."""

    asked: int = 0
    answered: int = 0
    gone: int = 0
    refused: int = 0
    failed: int = 0


class Verdict(Record):
    """The status of a snapshot and its reason; `shrunk` if too many users are gone."""

    status: Literal["complete", "partial", "rejected"]
    reason: str | None = None
    shrunk: bool = False


class File(Record):
    """One file of a snapshot: the number of answers, and the length of the longest one for readers."""

    name: str
    rows: int
    longest: int
    bytes: int
    sha256: str


class RemainingBudget(Record):
    """What was left of the day's budget when a snapshot was committed, in `unit` (tokens or requests)."""

    remaining: int
    total: int
    reserve: int
    unit: str


class Mark(Record):
    """The state of a company's journal: its number of lines, and the sha256 of their bytes."""

    lines: int
    sha256: str


class Manifest(Record):
    """The manifest of a snapshot: its commit mark, its contents, and its place in the company's chain.

    `observed` is the number of users whose permissions were answered, `inferred` of those whose permissions
    are inferred. `journal` is the state of the company's journal, so that a lost journal is noticed.
    `visibility` and `plan` are settings of the run: whether it read who can see what, and the company's plan
    at Pipedrive, which decides what a visibility of 3 means; None if it is not set.
    """

    format: Literal[1] = 1
    company: str
    snapshot_id: str
    started_at: datetime
    finished_at: datetime
    verdict: Verdict
    identity: Identity
    users: int | None
    roles: int | None
    observed: int | None = None
    inferred: int | None = None
    requests: int
    throttled: int
    waited: float
    budget: RemainingBudget | None = None
    coverage: dict[str, Coverage]
    files: list[File]
    previous: str | None
    journal: Mark | None = None
    visibility: bool = False
    plan: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the snapshot becomes part of the history."""
        return self.verdict.status != "rejected"


class KnownIds(Record):
    """The ids of users, roles and permission sets that exist, according to a snapshot."""

    users: list[int] = []
    roles: list[int] = []
    permission_sets: list[str] = []


class Gap(Record):
    """A place in the chain where a snapshot is missing or changed, accepted by an operator.

    Attributes:
        snapshot_id: the snapshot after the gap.
        previous: the digest of the missing manifest, according to the snapshot after the gap.
        accepted_at: when it was accepted.
    """

    snapshot_id: str
    previous: str | None
    accepted_at: datetime


class Gaps(Record):
    """The accepted gaps in a company's chain."""

    gaps: list[Gap] = []


class Observation(Record):
    """The past observations of one user.

    Attributes:
        since: when the user was first listed.
        at: when the user's permissions were last answered; None if never.
        signature: the user's signature at that time.
        flags: digest of the permissions at that time.
        roles_at: when the user's own role assignments were last answered; None if never.
        role_id: the role in the user's record at that time.
    """

    since: datetime
    at: datetime | None = None
    signature: str | None = None
    flags: str | None = None
    roles_at: datetime | None = None
    role_id: int | None = None


class ObservationState(Record):
    """The past observations of a company, which the sampling of the next run needs.

    Attributes:
        users: observations by user id.
        contents: digest of each permission set's contents, as last known, by its id.
        strays: users with an assignment to a role that is not in the list of roles.
        pipelines: when the pipelines that each role sees were last requested, by role id.
    """

    users: dict[int, Observation] = {}
    contents: dict[str, str] = {}
    strays: list[int] = []
    pipelines: dict[int, datetime] = {}


RecordT = TypeVar("RecordT", bound=BaseModel)


def read_record(storage: Storage, name: str, kind: type[RecordT]) -> RecordT:
    """Read a record from its file.

    Raises:
        LandingError: if it cannot be read, or its content is not valid.
    """
    path = storage.path(name)
    try:
        content = storage.read(name)
    except FileNotFoundError as error:
        raise files.cannot_read(path, error) from error
    return parse_record(path, content, kind)


def parse_record(path: Path, content: bytes, kind: type[RecordT]) -> RecordT:
    """Parse a record from the content of its file.

    Raises:
        LandingError: if the content is not valid.
    """
    try:
        return kind.model_validate_json(gzip.decompress(content) if path.suffix == ".gz" else content)
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFileError(f"{path} is damaged ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DamagedFileError(f"{path} is damaged ({where}: {first['msg']})") from error
