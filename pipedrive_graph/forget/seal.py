"""Writes a company's landing and journal into the stage without the deleted data, and seals both again.

Each manifest contains the digest of the previous manifest and the mark of the journal, so all of them change;
the first one contains the digest of the new tombstone. Unchanged files are linked, not copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.journal import Entry, Journal, written
from pipedrive_graph.decisions.review_handlers import OPENED
from pipedrive_graph.forget.change import Change
from pipedrive_graph.landing import CompanyLanding, Landing, Manifest, Mark
from pipedrive_graph.landing.records import DRAFT, GAPS, MANIFEST, read_record
from pipedrive_graph.landing.storage import Storage
from pipedrive_graph.landing.tombstones import (
    FORGOTTEN,
    JournalChange,
    Tombstone,
    write_forgotten,
)

Marks = Callable[[Mark], Mark | None]
"""Finds the mark of the new journal that corresponds to a mark of the old one."""


def seal(home: Home, staged: Home, change: Change, tombstone: Tombstone) -> Tombstone:
    """Write a company's landing and journal into the stage.

    Args:
        home: the current home.
        staged: the staged home.
        change: what is removed, and what is rewritten.
        tombstone: the fields of the tombstone that do not follow from the change.

    Returns:
        The tombstone as it was written.

    Raises:
        LandingError: if a manifest is damaged, or something cannot be written.
    """
    landing = Landing(home.storage).of(change.company)
    journal_change, marks = _seal_journal(home, staged, change)
    forgotten = landing.forgotten()
    tombstone = tombstone.model_copy(
        update={
            "counts": change.counts,
            "snapshots": tuple(
                sorted({name for name in change.dropped if landing.sealed(name)} | change.missing.keys())
            ),
            "removed": tuple(sorted(_digests(landing, change) | {*change.missing.values()})),
            "journal": journal_change,
            "previous": forgotten.origin,
        }
    )
    target = Landing(staged.storage).of(change.company)
    rewritten = _copy(landing, target.storage, change)
    tombstone = tombstone.model_copy(update={"rewritten": rewritten})
    resealed = _seal_chain(landing, target.storage, tombstone.digest, marks)
    tombstone = tombstone.model_copy(update={"resealed": resealed})
    write_forgotten(target.storage, forgotten.extended(tombstone))
    return tombstone


def note_company(home: Home, staged: Home, change: Change, tombstone: Tombstone) -> None:
    """Write the tombstone of a deleted company, beside the landing folders of the others.

    Raises:
        LandingError: if it cannot be read or written.
    """
    everything = Landing(home.storage)
    forgotten, landing = everything.forgotten(), everything.of(change.company)
    digests = {*landing.digests().values(), *landing.set_aside_digests().values()}
    new = tombstone.model_copy(
        update={
            "company": change.company,
            "counts": change.counts,
            "removed": tuple(sorted(digests)),
            "previous": forgotten.origin,
        }
    )
    Landing(staged.storage).note_forgotten(forgotten.extended(new))


def _digests(landing: CompanyLanding, change: Change) -> set[str]:
    """The digests of the manifests of removed snapshots, and of snapshots that are already missing."""
    sealed = [f"{each}/{name}" for each in change.dropped if (name := landing.sealed(each))]
    removed = {landing.storage.digest(name) for name in sealed}
    known = {*landing.digests().values(), *landing.set_aside_digests().values(), landing.forgotten().origin}
    named = {manifest.previous for manifest in landing.newest_first()}
    return removed | {previous for previous in named - known if previous}


def _copy(landing: CompanyLanding, target: Storage, change: Change) -> dict[str, str]:
    """Copy the remaining files except for manifests; return the old and new digests of rewritten files."""
    source = landing.storage
    for name in source.names():
        if name not in {GAPS, FORGOTTEN} and not name.endswith(".tmp"):
            target.copy(name, source)
    digests = {}
    for snapshot_id in landing.snapshot_ids():
        if snapshot_id in change.dropped:
            continue
        sealed = landing.sealed(snapshot_id)
        contents: dict[str, bytes] = {}
        if sealed and change.rewrite:
            new = change.rewrite(read_record(source, f"{snapshot_id}/{sealed}", Manifest))
            if new:
                contents = new.contents
                _write(target, f"{snapshot_id}/{sealed}", new.manifest)
        for file in source.names(snapshot_id):
            name = f"{snapshot_id}/{file}"
            if file in contents:
                target.write(name, contents[file])
                digests[source.digest(name)] = target.digest(name)
            elif file != sealed and not _is_leftover(file, sealed):
                target.copy(name, source)
    return digests


def _is_leftover(file: str, sealed: str | None) -> bool:
    """Whether a file was left by a crash: a temporary file, or a draft in a committed snapshot."""
    return file.endswith(".tmp") or (sealed is not None and file.endswith((".ndjson", DRAFT)))


def _seal_chain(landing: CompanyLanding, target: Storage, origin: str, marks: Marks) -> dict[str, str]:
    """Write the remaining manifests, each with the new digest of the previous one."""
    source = landing.storage
    resealed: dict[str, str] = {}
    previous = origin
    for snapshot_id in target.folders():
        sealed = landing.sealed(snapshot_id)
        if sealed is None:
            continue
        name = f"{snapshot_id}/{sealed}"
        manifest = read_record(target if target.has(name) else source, name, Manifest)
        is_counted = sealed == MANIFEST
        before = previous if is_counted else resealed.get(manifest.previous or "", origin)
        journal = marks(manifest.journal) if manifest.journal else None
        _write(target, name, manifest.model_copy(update={"previous": before, "journal": journal}))
        resealed[source.digest(name)] = target.digest(name)
        if is_counted:
            previous = target.digest(name)
    return resealed


def _write(storage: Storage, name: str, manifest: Manifest) -> None:
    storage.write(name, manifest.model_dump_json(indent=1).encode())


def _seal_journal(home: Home, staged: Home, change: Change) -> tuple[JournalChange | None, Marks]:
    """Write the remaining journal, with the rosters and reviews that it names."""
    old, new = Journal.of(home, change.company), Journal.of(staged, change.company)
    if change.entries is None:
        _copy_journal(old.storage, new.storage, change.company)
        return None, lambda mark: mark
    lines, whole = old.lines(), old.mark()
    texts: list[bytes] = []
    beginning = hashlib.sha256()
    for line in change.entries:
        texts.append(written(line, beginning.hexdigest()))
        beginning.update(texts[-1] + b"\n")
    chain = new.write(texts, old)
    _keep_lists(old.storage, new.storage, change)
    numbers = {line.number for line in change.entries}

    def mark(of: Mark) -> Mark | None:
        if of.lines > whole.lines or old.beginning(of.lines).sha256 != of.sha256:
            return None  # a loss that the operator has accepted
        return chain.beginning(sum(line.number in numbers for line in lines if line.number <= of.lines))

    return JournalChange(old=whole, new=chain.mark), mark


def names(company: str) -> list[str]:
    """The names in the journal's folder that belong to a company."""
    return [f"{company}.ndjson", f"{company}.head.json", f"{company}.rosters", f"{company}.reviews"]


def _copy_journal(source: Storage, target: Storage, company: str) -> None:
    """Copy a company's journal. Rosters and reviews are linked, because they never change."""
    for name in names(company):
        if source.has(name) and name not in source.folders():
            target.write(name, source.read(name))
        for file in source.names(name):
            if not file.endswith(".tmp"):
                target.copy(f"{name}/{file}", source)


def _keep_lists(source: Storage, target: Storage, change: Change) -> None:
    """Keep the rosters and reviews that the journal still names."""
    for name in sorted(list_paths(change.company, change.entries or [])):
        if name in change.lists:
            target.write(name, change.lists[name])
        elif source.has(name):
            target.copy(name, source)


def list_paths(company: str, entries: list[Entry]) -> set[str]:
    """The rosters and reviews that journal lines name, by their path below the journal's folder."""
    named = set()
    for line in entries:
        if line.kind == rosters.KIND and line.content.get("sha256"):
            named.add(f"{company}.rosters/{line.content['sha256']}.json.gz")
        elif line.kind == OPENED:
            named.add(f"{company}.reviews/{line.content['review_id']}.json.gz")
    return named
