"""Writes one snapshot: answers as they arrive, and the manifest that commits them.

While a snapshot is a draft, each of its lines ends with a digest, `, "sha256": "…"}`, so that damage on the
disk is noticed before a line is used. A commit compresses the lines without their digests: the manifest has
a digest of each file.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from pipedrive_graph.common import clock, files
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing.records import (
    ABANDONED,
    DRAFT,
    KNOWN,
    MANIFEST,
    MEMORY,
    Draft,
    File,
    KnownIds,
    Manifest,
    ObservationState,
)
from pipedrive_graph.landing.storage import Storage

_SEAL = b', "sha256": "%s"}\n'
_SEAL_LENGTH = len(_SEAL % (b"0" * 64))


class DamagedDraftError(Exception):
    """A draft was changed after it was written; the message says where, and completes a sentence."""


class Snapshot:
    """A snapshot in progress: answers are appended to it until it is committed.

    Attributes:
        draft: its head.
        workspace: the local folder in which answers are collected.
    """

    def __init__(self, company: Storage, draft: Draft) -> None:
        self.draft = draft
        self.workspace = company.workspace(draft.snapshot_id)
        self._storage = company.within(draft.snapshot_id)

    def write_head(self) -> None:
        """Write the head, with its digest.

        Raises:
            LandingError: if it cannot be written.
        """
        head = self.draft.sealed().model_dump_json(indent=1).encode()
        files.write_atomically(self.workspace / DRAFT, head)

    def write(self, endpoint: str, line: str) -> None:
        """Append an answer, so that it survives a crash of this process.

        Args:
            endpoint: the endpoint that was called.
            line: the answer, one JSON object without line breaks; see `collect.stored_answers.line_of`.

        Raises:
            LandingError: if it cannot be written.
        """
        path, written = self._path(endpoint), line.removesuffix("}").encode()
        with files.writing(path), open(path, "ab", opener=files.private) as file:
            file.write(written + self._seal(written))

    def replace(self, endpoint: str, lines: Iterable[str]) -> None:
        """Replace all answers of an endpoint.

        Raises:
            LandingError: if they cannot be written.
        """
        path = self._path(endpoint)
        with files.writing(path):
            path.unlink(missing_ok=True)
        for line in lines:
            self.write(endpoint, line)

    def lines(self, endpoint: str) -> Iterator[dict[str, Any]]:
        """Yield the answers of an endpoint so far, except a last line that a crash left incomplete."""
        path = self._path(endpoint)
        if path.exists():
            yield from (json.loads(line) for line in self._answers(path))

    def check(self) -> None:
        """Verify that no line was changed after it was written.

        An incomplete last line after a crash is not damage: its call is repeated.

        Raises:
            DamagedDraftError: naming the first line that was changed.
        """
        for path in sorted(self.workspace.glob("*.ndjson")):
            for _ in self._answers(path):
                pass

    def trim(self, is_kept: Callable[[dict[str, Any]], bool]) -> None:
        """Keep the answers whose lines fulfil a condition; the other calls are repeated.

        An incomplete last line after a crash is removed too.
        """
        for path in self.workspace.glob("*.ndjson"):
            with files.atomically(path) as file:
                file.writelines(line for line in _whole_lines(path) if is_kept(json.loads(line)))

    def postpone(self, continues_at: datetime) -> None:
        """Record when the next day's budget allows another run to continue the snapshot.

        Raises:
            LandingError: if it cannot be written.
        """
        self.draft = self.draft.model_copy(update={"continues_at": continues_at})
        self.write_head()

    def pack(self, known: KnownIds, memory: ObservationState) -> list[File]:
        """Compress the answers, and describe every file; the first half of a commit."""
        packed = [self._compressed(path) for path in sorted(self.workspace.glob("*.ndjson"))]
        return [
            *packed,
            self._packed(KNOWN, packed_known(known)),
            self._packed(MEMORY, packed_memory(memory)),
        ]

    def commit(self, manifest: Manifest) -> Manifest:
        """Commit the snapshot by writing its manifest."""
        body = manifest.model_dump_json(indent=1).encode()
        self._storage.write(MANIFEST, body)
        tidy(self.workspace)
        return manifest

    def _compressed(self, path: Path) -> File:
        """Compress a file of answers line by line, because a large company's does not fit into memory."""
        name = f"{path.name}.gz"
        with self._storage.writing(name) as file:
            rows, longest = compress(self._committed(path), file)
        size, sha256 = self._storage.size(name), self._storage.digest(name)
        return File(name=name, rows=rows, longest=longest, bytes=size, sha256=sha256)

    def _packed(self, name: str, body: bytes) -> File:
        self._storage.write(name, body)
        return File(name=name, rows=0, longest=0, bytes=len(body), sha256=self._storage.digest(name))

    def _answers(self, path: Path) -> Iterator[bytes]:
        """Yield the lines of a file without their digests, each after it was verified.

        Raises:
            DamagedDraftError: naming the first line that was changed.
        """
        for number, line in enumerate(_whole_lines(path), 1):
            written = line[:-_SEAL_LENGTH]
            if line != written + self._seal(written):
                raise DamagedDraftError(f"line {number} of {path.name} is not as it was written")
            yield written + b"}\n"

    def _committed(self, path: Path) -> Iterator[bytes]:
        """Yield the lines of a file as a commit stores them.

        Raises:
            LandingError: if a line was changed after it was written.
        """
        try:
            yield from self._answers(path)
        except DamagedDraftError as error:
            raise LandingError(
                f"The snapshot in {self.workspace} cannot be committed ({error}): run sync again, which"
                " starts over."
            ) from error

    def _seal(self, line: bytes) -> bytes:
        """Return the end of a line: its digest, which includes the id of this snapshot."""
        digest = hashlib.sha256(self.draft.snapshot_id.encode() + b"\n" + line).hexdigest()
        return _SEAL % digest.encode()

    def _path(self, endpoint: str) -> Path:
        return self.workspace / f"{endpoint.replace('{id}', 'id').replace('/', '.')}.ndjson"


def read_draft(company: Storage, snapshot_id: str) -> Snapshot:
    """Read a draft and verify all of its lines.

    Raises:
        DamagedDraftError: if it was changed after it was written.
        LandingError: if this user cannot read it.
    """
    workspace = company.workspace(snapshot_id)
    with files.reading(workspace / DRAFT):
        content = (workspace / DRAFT).read_bytes()
    try:
        draft = Draft.model_validate_json(content)
    except ValidationError as error:
        raise DamagedDraftError(f"{DRAFT} cannot be read") from error
    if draft.sha256 is None:
        raise DamagedDraftError("the version that began it wrote no digests of the answers")
    if draft.sha256 != draft.digest or draft.snapshot_id != snapshot_id:
        raise DamagedDraftError(f"{DRAFT} is not as it was written")
    snapshot = Snapshot(company, draft)
    with files.reading(workspace):
        snapshot.check()
    return snapshot


def begun(company: Storage) -> list[str]:
    """Return the ids of the snapshots that were started on this machine and not abandoned; oldest first.

    Raises:
        LandingError: if they cannot be listed.
    """
    workspace = company.workspace()
    with files.reading(workspace):
        heads = sorted(workspace.glob(f"*/{DRAFT}"))
        return [head.parent.name for head in heads if not head.with_name(ABANDONED).exists()]


def read_drafts(company: Storage) -> tuple[list[Snapshot], list[tuple[Path, str]]]:
    """Read the snapshots that were started on this machine, and neither committed nor abandoned.

    Returns:
        The intact drafts, oldest first; and the folders of the damaged ones, each with the problem.

    Raises:
        LandingError: if this user cannot read one.
    """
    intact: list[Snapshot] = []
    damaged: list[tuple[Path, str]] = []
    for snapshot_id in begun(company):
        if company.has(f"{snapshot_id}/{MANIFEST}"):
            continue
        try:
            intact.append(read_draft(company, snapshot_id))
        except DamagedDraftError as error:
            damaged.append((company.workspace(snapshot_id), str(error)))
    return intact, damaged


def abandon(folder: Path, reason: str) -> None:
    """Mark a draft as one that will never be finished; its files stay."""
    note = {"at": clock.iso(clock.now()), "reason": reason}
    files.write_atomically(folder / ABANDONED, json.dumps(note).encode())


def compress(lines: Iterable[bytes], file: BinaryIO) -> tuple[int, int]:
    """Write answers into a compressed file; return how many there are, and the length of the longest."""
    rows, longest = 0, 0
    # without name and time, the same answers give the same bytes
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as compressed:
        for line in lines:
            compressed.write(line)
            rows, longest = rows + 1, max(longest, len(line) - 1)
    return rows, longest


def packed_known(known: KnownIds) -> bytes:
    """Return the content of known.json."""
    return known.model_dump_json(indent=1).encode()


def packed_memory(memory: ObservationState) -> bytes:
    """Return the content of memory.json.gz."""
    return gzip.compress(memory.model_dump_json(exclude_defaults=True).encode(), mtime=0)


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield a file's lines, except a last one that a crash left incomplete."""
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def tidy(folder: Path) -> None:
    """Remove files that a committed snapshot no longer needs; the head last, so that a crash is noticed."""
    for path in [*folder.glob("*.ndjson"), folder / DRAFT]:
        path.unlink(missing_ok=True)
