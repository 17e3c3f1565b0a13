"""The snapshots of a company: the chain of committed ones, and interrupted ones."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from pipedrive_graph.common import clock
from pipedrive_graph.errors import DamagedFileError, LandingError
from pipedrive_graph.landing.records import (
    ABANDONED,
    DERIVED,
    DRAFT,
    GAPS,
    KNOWN,
    MANIFEST,
    MEMORY,
    SET_ASIDE,
    SNAPSHOT_ID,
    Draft,
    File,
    Gap,
    Gaps,
    Identity,
    KnownIds,
    Manifest,
    ObservationState,
    RecordT,
    parse_record,
    read_record,
)
from pipedrive_graph.landing.snapshot import Snapshot, begun, read_drafts, tidy
from pipedrive_graph.landing.storage import Storage
from pipedrive_graph.landing.tombstones import Forgotten, read_forgotten
from pipedrive_graph.landing.verified import problems, verified


class CompanyLanding:
    """The snapshots of one company.

    Attributes:
        company: its name.
        storage: the company's part of the landing.
    """

    def __init__(self, landing: Storage, company: str) -> None:
        self.company = company
        self.storage = landing.within(company)
        self._landing = landing

    @property
    def path(self) -> Path:
        """The location of the snapshots, for messages."""
        return self.storage.path()

    def others(self) -> Iterator[CompanyLanding]:
        """Yield the snapshots of each company of the landing, including this one."""
        for company in self._landing.folders():
            yield CompanyLanding(self._landing, company)

    def lock(self) -> AbstractContextManager[None]:
        """Return the lock to hold while collecting, so that only one run collects a company.

        Raises:
            BusyError: naming the process that is collecting.
        """
        return self.storage.lock(".lock", doing=f"collecting company '{self.company}'")

    def chain(self) -> list[tuple[Manifest, str]]:
        """Return all committed snapshots, oldest first, each with the digest of its manifest.

        Raises:
            LandingError: if a manifest cannot be read, or does not continue the one before it and this gap
                was not accepted.
        """
        chain = self._manifests()
        for manifest in self._breaks(chain):
            raise LandingError(
                f"{self.path / manifest.snapshot_id / MANIFEST} does not continue the snapshot"
                " before it; one was changed or is missing. Restore it from a backup. If its folder was"
                " removed on purpose, run `pipedrive-graph forget --missing`, which seals what is left."
            )
        return chain

    def breaks(self) -> list[Manifest]:
        """Return the manifests that do not continue the one before them, except accepted gaps.

        Raises:
            LandingError: if a manifest cannot be read.
        """
        return self._breaks(self._manifests())

    def _breaks(self, chain: list[tuple[Manifest, str]]) -> list[Manifest]:
        accepted = {(gap.snapshot_id, gap.previous) for gap in self._gaps()}
        return [
            manifest
            for manifest in _after_gaps(chain, self.forgotten().origin)
            if (manifest.snapshot_id, manifest.previous) not in accepted
        ]

    def forgotten(self) -> Forgotten:
        """Return what `forget` removed.

        Raises:
            LandingError: if the file with the tombstones is damaged.
        """
        return read_forgotten(self.storage)

    def accept_gaps(self) -> None:
        """Accept permanently that snapshots within the chain are missing or were changed.

        Raises:
            LandingError: if a manifest cannot be read, or the acceptance cannot be written.
        """
        self._accept(self._manifests())

    def _accept(self, chain: list[tuple[Manifest, str]]) -> None:
        gaps = self._gaps()
        accepted = {(gap.snapshot_id, gap.previous) for gap in gaps}
        new = [
            Gap(snapshot_id=manifest.snapshot_id, previous=manifest.previous, accepted_at=clock.now())
            for manifest in _after_gaps(chain, self.forgotten().origin)
            if (manifest.snapshot_id, manifest.previous) not in accepted
        ]
        if new:
            content = Gaps(gaps=[*gaps, *new]).model_dump_json(indent=1).encode()
            self.storage.write(GAPS, content)

    def set_aside(self, snapshot_ids: Iterable[str]) -> None:
        """Take snapshots out of the chain, such as those that were taken with a wrong clock.

        Their files stay. Each manifest is renamed, and the gap that it leaves is accepted, so the later
        manifests still prove what existed.

        Raises:
            LandingError: if the chain is damaged, or a file cannot be written.
        """
        chosen = {*snapshot_ids}
        # written first: if a crash follows, the chain is still valid and the command can be repeated
        self._accept([entry for entry in self.chain() if entry[0].snapshot_id not in chosen])
        for snapshot_id in sorted(chosen, reverse=True):
            self.storage.rename(f"{snapshot_id}/{MANIFEST}", f"{snapshot_id}/{SET_ASIDE}")

    def set_aside_digests(self) -> dict[str, str]:
        """Return the digest of every manifest that was set aside, by snapshot."""
        return self._digests(self._with(SET_ASIDE), SET_ASIDE)

    def before_set_aside(self) -> dict[str, str | None]:
        """Return each snapshot that was set aside, with the last one before it that counts, if any.

        Raises:
            LandingError: if a manifest cannot be read.
        """
        aside = self.set_aside_digests()
        by_digest = {sha256: snapshot_id for snapshot_id, sha256 in (self.digests() | aside).items()}
        before: dict[str, str | None] = {}
        for snapshot_id in sorted(aside):  # in order of time
            previous = self._manifest(snapshot_id, SET_ASIDE).previous
            preceding = by_digest.get(previous) if previous else None
            before[snapshot_id] = before.get(preceding, preceding) if preceding else None
        return before

    def newest_first(self) -> Iterator[Manifest]:
        """Yield all committed snapshots, newest first; each is read when it is yielded.

        Raises:
            LandingError: if a manifest cannot be read.
        """
        for snapshot_id in reversed(self._with(MANIFEST)):
            yield self._manifest(snapshot_id)

    def every(self) -> Iterator[Manifest]:
        """Yield all snapshots, oldest first, including those that were set aside.

        Raises:
            LandingError: if a manifest cannot be read.
        """
        for snapshot_id in self.snapshot_ids():
            name = self.sealed(snapshot_id)
            if name:
                yield self._manifest(snapshot_id, name)

    def latest(self, *, accepted: bool = False) -> Manifest | None:
        """Return the newest committed snapshot, or the newest accepted one."""
        return next((m for m in self.newest_first() if m.accepted or not accepted), None)

    def latest_digest(self) -> str | None:
        """Return the digest of the newest manifest, which becomes `previous` of the next one."""
        committed = self._with(MANIFEST)
        return self.storage.digest(f"{committed[-1]}/{MANIFEST}") if committed else self.forgotten().origin

    def digests(self) -> dict[str, str]:
        """Return the digest of every committed manifest, by snapshot; the manifests are not parsed."""
        return self._digests(self._with(MANIFEST), MANIFEST)

    def known(self, manifest: Manifest) -> KnownIds:
        """Return the ids that exist according to a snapshot.

        Raises:
            LandingError: if the file is missing or was changed.
        """
        return self._record(manifest, KNOWN, KnownIds)

    def memory(self, manifest: Manifest) -> ObservationState:
        """Return the past observations according to a snapshot.

        Raises:
            LandingError: if the file is missing or was changed.
        """
        if MEMORY not in {file.name for file in manifest.files}:
            return ObservationState()
        return self._record(manifest, MEMORY, ObservationState)

    def restore(self, manifest: Manifest, name: str, content: bytes) -> bool:
        """Rewrite a damaged file of a committed snapshot, if the content has the sha256 in the manifest.

        Raises:
            LandingError: if it cannot be written.
        """
        named = next((file for file in manifest.files if file.name == name), None)
        if named is None or hashlib.sha256(content).hexdigest() != named.sha256:
            return False
        self.storage.write(f"{manifest.snapshot_id}/{name}", content)
        return True

    def answers(self, manifest: Manifest, file: File) -> Iterator[dict[str, Any]]:
        """Yield the parsed lines of a file of answers, from the same bytes that were verified.

        Raises:
            LandingError: if the file is missing or was changed, or a line cannot be parsed.
        """
        read = 0
        try:
            for line in self.lines(manifest, file):
                yield json.loads(line)
                read += 1
        except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
            path = self.path / manifest.snapshot_id / file.name
            raise DamagedFileError(f"{path}: line {read + 1} cannot be read") from error

    def lines(self, manifest: Manifest, file: File) -> Iterator[bytes]:
        """Yield the lines of a file of answers.

        Raises:
            LandingError: if the file is missing or was changed.
            OSError, EOFError, zlib.error: if the content cannot be decompressed.
        """
        content = verified(self.storage, f"{manifest.snapshot_id}/{file.name}", file)
        with gzip.open(BytesIO(content)) as lines:
            yield from lines

    def start(self, identity: Identity) -> Snapshot:
        """Start a snapshot; its time is later than that of every other, even if the clock went back."""
        started_at = clock.now()
        newest = self.latest()
        if newest and started_at <= newest.started_at:
            started_at = newest.started_at + timedelta(microseconds=1)
        snapshot_id = started_at.strftime(SNAPSHOT_ID)
        draft = Draft(snapshot_id=snapshot_id, started_at=started_at, identity=identity)
        snapshot = Snapshot(self.storage, draft)
        snapshot.write_head()
        return snapshot

    def drafts(self) -> tuple[list[Snapshot], list[tuple[Path, str]]]:
        """Return the snapshots that were started, and neither committed nor abandoned, oldest first.

        Returns:
            The intact drafts; and the folders of the damaged ones, each with the problem.

        Raises:
            LandingError: if this user cannot read one.
        """
        return read_drafts(self.storage)

    def tidy(self) -> None:
        """Remove the remains of a commit that crashed."""
        for snapshot_id in begun(self.storage):
            if self.storage.has(f"{snapshot_id}/{MANIFEST}"):
                tidy(self.storage.workspace(snapshot_id))

    def verify(self, manifest: Manifest, *, quick: bool = False, answers_only: bool = False) -> None:
        """Verify that a snapshot's files were not changed since it was committed.

        Args:
            manifest: the manifest of the snapshot.
            quick: only compare the sizes of the files, without reading them.
            answers_only: ignore files that are derived from the answers and can be rebuilt.

        Raises:
            LandingError: naming the file that is missing or differs.
        """
        for file, problem in self.problems(manifest, quick=quick):
            if not (answers_only and file.name in DERIVED):
                raise problem

    def problems(self, manifest: Manifest, *, quick: bool = False) -> Iterator[tuple[File, LandingError]]:
        """Yield the files of a snapshot that are missing, or were changed since it was committed.

        Args:
            manifest: the manifest of the snapshot.
            quick: only compare the sizes of the files, without reading them.
        """
        return problems(self.storage, manifest, quick=quick)

    def committed(self) -> Iterator[tuple[str, Manifest | LandingError]]:
        """Yield the id of every committed snapshot with its manifest, or with the error of reading it."""
        for snapshot_id in self._with(MANIFEST):
            try:
                yield snapshot_id, self._manifest(snapshot_id)
            except LandingError as error:
                yield snapshot_id, error

    def strays(self) -> Iterator[Path]:
        """Yield folders with files that belong neither to a committed snapshot nor to a draft."""
        for snapshot_id in self.snapshot_ids():
            names = {name for name in self.storage.names(snapshot_id) if not name.startswith(".")}
            if names and not names & {MANIFEST, DRAFT, ABANDONED}:
                yield self.path / snapshot_id

    def snapshot_ids(self) -> list[str]:
        """Return the ids of all snapshots, oldest first: committed, set aside, or drafts."""
        return self.storage.folders()

    def sealed(self, snapshot_id: str) -> str | None:
        """Return the name of a snapshot's manifest, even if set aside; None if it was never committed."""
        names = (MANIFEST, SET_ASIDE)
        return next((name for name in names if self.storage.has(f"{snapshot_id}/{name}")), None)

    def local(self, manifest: Manifest, file: File) -> Path:
        """Return a local file with the content of a file of answers, for a library that opens it itself.

        Raises:
            LandingError: if it cannot be read.
        """
        return self.storage.local(f"{manifest.snapshot_id}/{file.name}")

    def _record(self, manifest: Manifest, name: str, kind: type[RecordT]) -> RecordT:
        """Read a record that is listed in a manifest."""
        path = self.path / manifest.snapshot_id / name
        named = next((file for file in manifest.files if file.name == name), None)
        if named is None:
            raise LandingError(f"{path} is not listed in its manifest.")
        content = verified(self.storage, f"{manifest.snapshot_id}/{name}", named)
        return parse_record(path, content, kind)

    def _manifest(self, snapshot_id: str, name: str = MANIFEST) -> Manifest:
        return read_record(self.storage, f"{snapshot_id}/{name}", Manifest)

    def _manifests(self) -> list[tuple[Manifest, str]]:
        return [
            (self._manifest(snapshot_id), self.storage.digest(f"{snapshot_id}/{MANIFEST}"))
            for snapshot_id in self._with(MANIFEST)
        ]

    def _digests(self, snapshot_ids: Iterable[str], name: str) -> dict[str, str]:
        return {each: self.storage.digest(f"{each}/{name}") for each in snapshot_ids}

    def _gaps(self) -> list[Gap]:
        return read_record(self.storage, GAPS, Gaps).gaps if self.storage.has(GAPS) else []

    def _with(self, name: str) -> list[str]:
        """Return the ids of the snapshots that have a file of this name."""
        return [each for each in self.snapshot_ids() if self.storage.has(f"{each}/{name}")]


def _after_gaps(chain: list[tuple[Manifest, str]], origin: str | None) -> list[Manifest]:
    """Return the manifests whose `previous` is not the digest of the one before (of the first: `origin`)."""
    before = [origin, *(digest for _, digest in chain)]
    return [
        manifest for (manifest, _), digest in zip(chain, before, strict=False) if manifest.previous != digest
    ]
