"""The records that a snapshot's JSON files hold, and how they are read."""

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
"""How the id of a snapshot says when it was begun, in UTC."""

SET_ASIDE = "manifest.set-aside.json"
"""A manifest that was renamed so: its snapshot no longer counts."""

KNOWN, MEMORY, GAPS = "known.json", "memory.json.gz", "gaps.json"
DERIVED = {KNOWN, MEMORY}
"""What is made from the answers of a snapshot, and can be made from them again."""


class Record(BaseModel):
    """What all records share: they do not change, and what a later version adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Identity(Record):
    """Whose answers a snapshot holds; one that is resumed must agree in all of it."""

    collect: str
    base_url: str
    company_id: int
    token_owner: int
    version: str


class Draft(Sealed, Record):
    """The head of a snapshot that is not committed yet.

    `continues_at` is given where the day's budget has ended its run: when there is to be a new budget.
    `sha256` is the digest of all the rest; earlier versions wrote none.
    """

    snapshot_id: str
    started_at: AwareDatetime
    identity: Identity
    continues_at: AwareDatetime | None = None
    sha256: str | None = None


class Coverage(Record):
    """How many calls of one endpoint were made, and how they ended."""

    asked: int = 0
    answered: int = 0
    gone: int = 0
    refused: int = 0
    failed: int = 0


class Verdict(Record):
    """What a snapshot is worth: everything, or why not; `shrunk` where the shrink guard refused it."""

    status: Literal["complete", "partial", "rejected"]
    reason: str | None = None
    shrunk: bool = False


class File(Record):
    """One file of a snapshot: its answers, and the bytes of the longest of them, as a reader must know."""

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
    """How many first lines of a company's journal are meant, and the sha256 of their bytes."""

    lines: int
    sha256: str


class Manifest(Record):
    """What a snapshot is: its commit mark, its contents, and its place in the company's chain.

    `observed` users' permissions were answered, and `inferred` users' are left to inference. `journal` is
    what the company's journal held then, so that a loss of it shows.
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

    @property
    def accepted(self) -> bool:
        """Whether the snapshot is to be taken into the history."""
        return self.verdict.status != "rejected"


class KnownIds(Record):
    """Ids that exist as far as a snapshot proves."""

    users: list[int] = []
    roles: list[int] = []
    permission_sets: list[str] = []


class Gap(Record):
    """A place in the chain where a snapshot is missing or changed, and a person has accepted that.

    Attributes:
        snapshot_id: the snapshot after the gap.
        previous: the digest that its manifest names, of the manifest that is missing.
        accepted_at: when it was accepted.
    """

    snapshot_id: str
    previous: str | None
    accepted_at: datetime


class Gaps(Record):
    """The gaps of a company's chain that were accepted."""

    gaps: list[Gap] = []


class Observation(Record):
    """What is remembered of one user.

    Attributes:
        since: when the user was first listed.
        at: when the user's permissions were last answered; None is never.
        signature: the user's signature then.
        flags: digest of the permissions then.
        roles_at: when the user's own role assignments were last answered; None is never.
        role_id: the role that the user's record named then.
    """

    since: datetime
    at: datetime | None = None
    signature: str | None = None
    flags: str | None = None
    roles_at: datetime | None = None
    role_id: int | None = None


class ObservationState(Record):
    """What is remembered of a company.

    Attributes:
        users: by id.
        contents: digest of the contents of every permission set, as last known, by its id.
        strays: users with an assignment to a role that the list of roles does not show.
    """

    users: dict[int, Observation] = {}
    contents: dict[str, str] = {}
    strays: list[int] = []


RecordT = TypeVar("RecordT", bound=BaseModel)


def read_record(storage: Storage, name: str, kind: type[RecordT]) -> RecordT:
    """Read a record from its file.

    Raises:
        LandingError: if it cannot be read, or is not what it should be.
    """
    path = storage.path(name)
    try:
        content = storage.read(name)
    except FileNotFoundError as error:
        raise files.cannot_read(path, error) from error
    return parse_record(path, content, kind)


def parse_record(path: Path, content: bytes, kind: type[RecordT]) -> RecordT:
    """Read a record from the content of its file.

    Raises:
        LandingError: if it is not what it should be.
    """
    try:
        return kind.model_validate_json(gzip.decompress(content) if path.suffix == ".gz" else content)
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFileError(f"{path} is damaged ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DamagedFileError(f"{path} is damaged ({where}: {first['msg']})") from error
