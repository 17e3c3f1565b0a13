"""Writes a company's landing and journal once more, without what goes, and seals both again.

Each manifest names the digest of the one before it and the mark of the journal, so all of them change: the
first one names the new tombstone. Files that stay as they are, are linked, not copied.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from pipedrive_graph import files
from pipedrive_graph.findings import rosters
from pipedrive_graph.findings.chain import Chain, read_head, write_head
from pipedrive_graph.findings.journal import Journal, Line, written
from pipedrive_graph.forget.change import Change
from pipedrive_graph.landing import CompanyLanding, Landing, Manifest, Mark
from pipedrive_graph.landing.records import DRAFT, GAPS, MANIFEST, SET_ASIDE, digest, read_record
from pipedrive_graph.landing.tombstones import (
    FORGOTTEN,
    JournalChange,
    Tombstone,
    read_forgotten,
    write_forgotten,
)
from pipedrive_graph.reviews.journal import OPENED
from pipedrive_graph.settings import Settings

Marks = Callable[[Mark], Mark | None]
"""Finds the mark of the new journal that stands for one of the old."""


def seal(settings: Settings, staged: Settings, change: Change, tombstone: Tombstone) -> Tombstone:
    """Write a company's landing and journal into the stage.

    Args:
        settings: of the home as it is.
        staged: of the home as it is to be.
        change: what goes, and what is rewritten.
        tombstone: what the tombstone says that does not follow from the change.

    Returns:
        The tombstone as it was written.

    Raises:
        LandingError: if a manifest is damaged, or something cannot be written.
    """
    landing = Landing(settings.landing).of(change.company)
    journal_change, marks = _seal_journal(settings, staged, change)
    forgotten = landing.forgotten()
    tombstone = tombstone.model_copy(
        update={
            "counts": change.counts,
            "snapshots": tuple(
                sorted(
                    {name for name in change.dropped if _manifest(landing.folder / name)}
                    | change.missing.keys()
                )
            ),
            "removed": tuple(sorted(_digests(landing, change) | {*change.missing.values()})),
            "journal": journal_change,
            "previous": forgotten.origin,
        }
    )
    target = staged.landing / change.company
    files.make_folder(target)
    try:
        rewritten = _copy(landing.folder, target, change)
        tombstone = tombstone.model_copy(update={"rewritten": rewritten})
        resealed = _seal_chain(landing, target, change, tombstone.digest, marks)
    except OSError as error:
        raise files.cannot_write(target, error) from error
    tombstone = tombstone.model_copy(update={"resealed": resealed})
    write_forgotten(target, forgotten.extended(tombstone))
    return tombstone


def note_company(settings: Settings, staged: Settings, change: Change, tombstone: Tombstone) -> None:
    """Write the tombstone of a company of which nothing is left, beside the folders of the others.

    Raises:
        LandingError: if it cannot be read or written.
    """
    forgotten = read_forgotten(settings.landing)
    landing = Landing(settings.landing).of(change.company)
    digests = {*landing.digests().values(), *landing.set_aside_digests().values()}
    new = tombstone.model_copy(
        update={
            "company": change.company,
            "counts": change.counts,
            "removed": tuple(sorted(digests)),
            "previous": forgotten.origin,
        }
    )
    files.make_folder(staged.landing)
    write_forgotten(staged.landing, forgotten.extended(new))


def link(source: Path, target: Path) -> None:
    """Give a file that never changes a second name; where the file system has no links, copy it."""
    try:
        os.link(source, target)
    except PermissionError:
        shutil.copy2(source, target)


def _digests(landing: CompanyLanding, change: Change) -> set[str]:
    """The digests of the manifests of the snapshots that go, and of those that are missing already."""
    paths = [_manifest(landing.folder / name) for name in change.dropped]
    removed = {digest(path) for path in paths if path}
    known = {*landing.digests().values(), *landing.set_aside_digests().values(), landing.forgotten().origin}
    named = {manifest.previous for manifest in landing.newest_first()}
    return removed | {previous for previous in named - known if previous}


def _copy(source: Path, target: Path, change: Change) -> dict[str, str]:
    """Copy what stays, but for manifests; return the digests of the files that are rewritten."""
    digests = {}
    for path in sorted(source.iterdir()):
        if path.name in {GAPS, FORGOTTEN, *change.dropped} or path.name.endswith(".tmp"):
            continue
        if not path.is_dir():
            link(path, target / path.name)
            continue
        folder = target / path.name
        files.make_folder(folder)
        sealed = _manifest(path)
        contents = {}
        if sealed and change.rewrite and (new := change.rewrite(path, read_record(sealed, Manifest))):
            contents = new.contents
            _write(folder / sealed.name, new.manifest)
        for file in sorted(path.iterdir()):
            if file.name in contents:
                files.write_atomically(folder / file.name, contents[file.name])
                digests[digest(file)] = digest(folder / file.name)
            elif file != sealed and file.is_file() and not _is_leftover(file, sealed):
                link(file, folder / file.name)
    return digests


def _is_leftover(file: Path, sealed: Path | None) -> bool:
    """Whether a crash has left a file: a temporary one, or one of the draft in a committed snapshot."""
    return file.name.endswith(".tmp") or (sealed is not None and file.name.endswith((".ndjson", DRAFT)))


def _seal_chain(
    landing: CompanyLanding, target: Path, change: Change, origin: str, marks: Marks
) -> dict[str, str]:
    """Write the manifests that stay, each with the new digest of the one before it."""
    resealed: dict[str, str] = {}
    previous = origin
    for folder in sorted(path for path in target.iterdir() if path.is_dir()):
        source = _manifest(landing.folder / folder.name)
        if source is None:
            continue
        path = folder / source.name
        manifest = read_record(path if path.exists() else source, Manifest)
        is_counted = source.name == MANIFEST
        before = previous if is_counted else resealed.get(manifest.previous or "", origin)
        journal = marks(manifest.journal) if manifest.journal else None
        _write(path, manifest.model_copy(update={"previous": before, "journal": journal}))
        resealed[digest(source)] = digest(path)
        if is_counted:
            previous = digest(path)
    return resealed


def _write(path: Path, manifest: Manifest) -> None:
    files.write_atomically(path, manifest.model_dump_json(indent=1).encode())


def _manifest(folder: Path) -> Path | None:
    """The manifest of a snapshot, be it set aside or not; None where there is none."""
    paths = [folder / MANIFEST, folder / SET_ASIDE]
    return next((path for path in paths if path.exists()), None)


def _seal_journal(settings: Settings, staged: Settings, change: Change) -> tuple[JournalChange | None, Marks]:
    """Write the journal that is left, with the rosters and reviews that it names."""
    old, new = Journal.of(settings, change.company), Journal.of(staged, change.company)
    if change.entries is None:
        for name in names(change.company):
            source = settings.journal / name
            if source.exists():
                files.make_folder(staged.journal)
                _copy_tree(source, staged.journal / name)
        return None, lambda mark: mark
    lines, whole = old.lines(), old.mark()
    texts: list[bytes] = []
    beginning = hashlib.sha256()
    for line in change.entries:
        texts.append(written(line, beginning.hexdigest()))
        beginning.update(texts[-1] + b"\n")
    chain = Chain(texts, read_head(old.head))
    if texts:
        files.write_atomically(new.path, b"".join(text + b"\n" for text in texts))
        write_head(new.head, chain.new_head())
    _keep_lists(settings, staged, change)
    kept = {line.number for line in change.entries}

    def mark(of: Mark) -> Mark | None:
        if of.lines > whole.lines or old.beginning(of.lines).sha256 != of.sha256:
            return None  # a loss that a person has accepted
        return chain.beginning(sum(line.number in kept for line in lines if line.number <= of.lines))

    return JournalChange(old=whole, new=chain.mark), mark


def names(company: str) -> list[str]:
    """What of the journal's folder belongs to a company."""
    return [f"{company}.ndjson", f"{company}.head.json", f"{company}.rosters", f"{company}.reviews"]


def _copy_tree(source: Path, target: Path) -> None:
    """Copy a file, which may be appended to; link the files of a folder, which are not."""
    if not source.is_dir():
        files.write_atomically(target, source.read_bytes())
        return
    files.make_folder(target)
    for file in sorted(source.iterdir()):
        if file.is_file() and not file.name.endswith(".tmp"):
            link(file, target / file.name)


def _keep_lists(settings: Settings, staged: Settings, change: Change) -> None:
    """Keep the rosters and reviews that the journal still names."""
    for path in sorted(list_paths(change.company, change.entries or [])):
        target = staged.journal / path
        if path in change.lists:
            files.write_atomically(target, change.lists[path])
        elif (settings.journal / path).exists():
            files.make_folder(target.parent)
            link(settings.journal / path, target)


def list_paths(company: str, entries: list[Line]) -> set[str]:
    """The rosters and reviews that lines name, by their path below the journal's folder."""
    named = set()
    for line in entries:
        if line.kind == rosters.KIND and line.content.get("sha256"):
            named.add(f"{company}.rosters/{line.content['sha256']}.json.gz")
        elif line.kind == OPENED:
            named.add(f"{company}.reviews/{line.content['review_id']}.json.gz")
    return named
