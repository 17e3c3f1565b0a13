"""Keeps every answer of Pipedrive as files: one folder per snapshot, committed by its manifest.

    <landing>/<company>/<snapshot_id>/draft.json                 while collecting: whose answers these are
                                      users.id.permissions.ndjson    a line per answer, flushed
                                      …ndjson.gz                 at commit
                                      known.json                 who is to be asked for when no longer listed
                                      manifest.json              written last: the snapshot is committed
                                      abandoned.json             instead, if it was never finished

A committed snapshot never changes. Each manifest names the digest of the one before, so a damaged or
missing snapshot shows.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipedrive_graph import clock, files
from pipedrive_graph.errors import LandingError
from pipedrive_graph.pipedrive.answers import Answer, Outcome

MANIFEST, DRAFT, ABANDONED, KNOWN = "manifest.json", "draft.json", "abandoned.json", "known.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_R = TypeVar("_R", bound=_Record)


class Identity(_Record):
    """Whose answers a snapshot holds; one that is resumed must agree in all of it."""

    collect: str
    base_url: str
    company_id: int
    token_owner: int
    version: str


class Draft(_Record):
    """The head of a snapshot that is not committed yet."""

    snapshot_id: str
    started_at: datetime
    identity: Identity


class Coverage(_Record):
    """How many calls of one endpoint were made, and how they ended."""

    asked: int = 0
    answered: int = 0
    gone: int = 0
    refused: int = 0
    failed: int = 0


class Verdict(_Record):
    """What a snapshot is worth: everything, or why not; `shrunk` where the shrink guard refused it."""

    status: Literal["complete", "partial", "rejected"]
    reason: str | None = None
    shrunk: bool = False


class File(_Record):
    """One file of a snapshot: its answers, and the bytes of the longest of them, as a reader must know."""

    name: str
    rows: int
    longest: int
    bytes: int
    sha256: str


class Manifest(_Record):
    """What a snapshot is: its commit mark, its contents, and its place in the company's chain."""

    format: Literal[1] = 1
    company: str
    snapshot_id: str
    started_at: datetime
    finished_at: datetime
    verdict: Verdict
    identity: Identity
    users: int | None
    roles: int | None
    requests: int
    throttled: int
    waited: float
    coverage: dict[str, Coverage]
    files: list[File]
    previous: str | None

    @property
    def accepted(self) -> bool:
        """Whether the snapshot is to be taken into the history."""
        return self.verdict.status != "rejected"


class Known(_Record):
    """Ids that exist as far as a snapshot proves."""

    users: list[int] = []
    roles: list[int] = []
    permission_sets: list[str] = []


class Snapshot:
    """A snapshot that is being written: answers are appended to it until it is committed."""

    def __init__(self, folder: Path, draft: Draft) -> None:
        self.folder = folder
        self.draft = draft

    def write(self, answer: Answer) -> None:
        """Append an answer, so that it outlives this process.

        Raises:
            LandingError: if it cannot be written.
        """
        call = answer.call
        head = {
            "endpoint": str(call.endpoint),
            "asked": {"id": call.id, "start": call.start, "limit": call.limit},
            "status": answer.status,
            "outcome": str(answer.outcome),
            "at": clock.iso(answer.at),
        }
        line = f'{json.dumps(head)[:-1]}, "answer": {answer.text}}}\n'
        path = self._path(call.endpoint)
        try:
            with open(path, "a", encoding="utf-8", opener=files.private) as file:
                file.write(line)
        except OSError as error:
            raise files.cannot_write(path, error) from error

    def replace(self, endpoint: str, answers: Iterable[Answer]) -> None:
        """Forget what an endpoint answered before, and write these answers instead."""
        self._path(endpoint).unlink(missing_ok=True)
        for answer in answers:
            self.write(answer)

    def lines(self, endpoint: str) -> Iterator[dict[str, Any]]:
        """The answers of an endpoint so far, as they were written."""
        path = self._path(endpoint)
        if path.exists():
            yield from map(json.loads, path.read_bytes().splitlines())

    def trim(self, outcomes: set[Outcome]) -> None:
        """Keep the answers that ended in one of `outcomes`; the others are to be asked for again.

        A last line that was torn by a crash goes with them.
        """
        for path in self.folder.glob("*.ndjson"):
            whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
            kept = [line for line in whole if json.loads(line)["outcome"] in outcomes]
            files.write_atomically(path, b"".join(kept))

    def abandon(self, reason: str) -> None:
        """Mark the snapshot as one that nobody will finish; its answers stay for who wants to look."""
        note = {"at": clock.iso(clock.now()), "reason": reason}
        files.write_atomically(self.folder / ABANDONED, json.dumps(note).encode())

    def pack(self, known: Known) -> list[File]:
        """Compress what was written, and describe every file; the first half of a commit."""
        packed = []
        for path in sorted(self.folder.glob("*.ndjson")):
            content = path.read_bytes()
            body = gzip.compress(content, compresslevel=6, mtime=0)
            lines = content.splitlines()
            packed.append(self._packed(f"{path.name}.gz", body, len(lines), max(map(len, lines), default=0)))
        return [*packed, self._packed(KNOWN, known.model_dump_json(indent=1).encode(), 0, 0)]

    def commit(self, manifest: Manifest) -> Manifest:
        """Commit the snapshot: after this it is there for good."""
        body = manifest.model_dump_json(indent=1).encode()
        files.write_atomically(self.folder / MANIFEST, body)
        for path in [*self.folder.glob("*.ndjson"), self.folder / DRAFT]:
            path.unlink()
        return manifest

    def _packed(self, name: str, body: bytes, rows: int, longest: int) -> File:
        files.write_atomically(self.folder / name, body)
        digest = hashlib.sha256(body).hexdigest()
        return File(name=name, rows=rows, longest=longest, bytes=len(body), sha256=digest)

    def _path(self, endpoint: str) -> Path:
        return self.folder / f"{endpoint.replace('{id}', 'id').replace('/', '.')}.ndjson"


class CompanyLanding:
    """The snapshots of one company."""

    def __init__(self, landing: Path, company: str) -> None:
        self.company = company
        self.folder = landing / company

    def lock(self) -> AbstractContextManager[None]:
        """Hold this while collecting: two runs for one company never collect at once.

        Raises:
            BusyError: naming the process that collects already.
        """
        return files.lock(self.folder / ".lock", doing=f"collecting company '{self.company}'")

    def manifests(self) -> list[Manifest]:
        """All committed snapshots, oldest first."""
        return [manifest for manifest, _ in self.chain()]

    def latest(self, *, accepted: bool = False) -> Manifest | None:
        """The newest committed snapshot, or the newest that was accepted."""
        found = [m for m in self.manifests() if m.accepted or not accepted]
        return found[-1] if found else None

    def latest_digest(self) -> str | None:
        """The digest of the newest manifest: what the next one names as its previous."""
        chain = self.chain()
        return chain[-1][1] if chain else None

    def known(self) -> Known:
        """Who was there when the company was last read: by the newest accepted snapshot."""
        manifest = self.latest(accepted=True)
        if manifest is None:
            return Known()
        return _read(self.folder / manifest.snapshot_id / KNOWN, Known)

    def start(self, identity: Identity) -> Snapshot:
        """Begin a snapshot. Its time is later than every other's, even where the clock went back."""
        started_at = clock.now()
        newest = self.latest()
        if newest and started_at <= newest.started_at:
            started_at = newest.started_at + timedelta(microseconds=1)
        snapshot_id = started_at.strftime("%Y%m%dT%H%M%S-%f")
        draft = Draft(snapshot_id=snapshot_id, started_at=started_at, identity=identity)
        folder = self.folder / snapshot_id
        files.write_atomically(folder / DRAFT, draft.model_dump_json(indent=1).encode())
        return Snapshot(folder, draft)

    def unfinished(self) -> list[Snapshot]:
        """Snapshots that were begun, and neither committed nor abandoned, oldest first."""
        found = []
        for folder in self._folders():
            if (folder / MANIFEST).exists() or (folder / ABANDONED).exists():
                continue
            if (folder / DRAFT).exists():
                found.append(Snapshot(folder, _read(folder / DRAFT, Draft)))
            else:  # the process died between making the folder and writing its head
                shutil.rmtree(folder)
        return found

    def verify(self, manifest: Manifest) -> None:
        """Prove that a snapshot's files are as they were when it was committed.

        Raises:
            LandingError: naming the file that is missing or differs.
        """
        for file in manifest.files:
            path = self.folder / manifest.snapshot_id / file.name
            if not path.exists():
                raise LandingError(f"{path} is missing; restore it from a backup, then run rebuild.")
            if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
                raise LandingError(
                    f"{path} is not as it was written (its sha256 differs); "
                    "restore it from a backup, then run rebuild."
                )

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if path.is_dir())

    def chain(self) -> list[tuple[Manifest, str]]:
        """All committed snapshots, oldest first, each with the digest of its manifest.

        Raises:
            LandingError: if a manifest cannot be read, or does not continue the one before it.
        """
        chain: list[tuple[Manifest, str]] = []
        for folder in self._folders():
            path = folder / MANIFEST
            if not path.exists():
                continue
            manifest = _read(path, Manifest)
            if chain and manifest.previous != chain[-1][1]:
                raise LandingError(
                    f"{path} does not continue the snapshot before it; "
                    "one was changed or is missing. Restore it from a backup."
                )
            chain.append((manifest, hashlib.sha256(path.read_bytes()).hexdigest()))
        return chain


class Landing:
    """The folder of all snapshots of all companies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, company: str) -> CompanyLanding:
        """The snapshots of one company."""
        return CompanyLanding(self.folder, company)

    def companies(self) -> list[str]:
        """Names of the companies that have a folder here."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir())


def _read(path: Path, kind: type[_R]) -> _R:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise LandingError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise LandingError(
            f"{path} is damaged ({where}: {first['msg']}); restore it from a backup, then run rebuild."
        ) from error
