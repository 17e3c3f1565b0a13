"""Selects the contents of a backup: everything in the home folder that cannot be rebuilt.

The landing is listed before the journal is read, because a snapshot contains the mark of the journal. The
caller holds the lock of the warehouse, under which decisions are written and data is removed. So small files
that change are read here, and large files are only listed: a committed snapshot never changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipedrive_graph.backups.needs import FILES_OF_SETTINGS, Needs
from pipedrive_graph.backups.records import CompanyMark
from pipedrive_graph.common import files
from pipedrive_graph.config import output_access
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing.records import (
    ABANDONED,
    DRAFT,
    MANIFEST,
    SET_ASIDE,
    Manifest,
    Mark,
    parse_record,
)

TOKENS = "tokens"

MADE_AGAIN = {
    "warehouse.duckdb",
    "warehouse.duckdb.wal",
    "identity_graph.duckdb",
    "reports",
    "exports",
    "runs",
    "cache",
}
"""The files and folders that a restore or the next sync rebuilds."""

_JOURNAL, _ALERTS = "journal", "alerts"

_TRANSIENT = (".lock", ".tmp", ".old")
"""The endings of hidden files that are only used while a process runs."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a backup.

    Attributes:
        name: its path in the home folder.
        path: its path on disk.
        content: its content, if it was already read.
        sha256: its digest in the snapshot's manifest.
        manifest: that manifest, to detect a snapshot that changes while it is read.
        transient: whether it may disappear before it is read, such as a file of an unfinished snapshot.
    """

    name: str
    path: Path
    content: bytes | None = None
    sha256: str | None = None
    manifest: tuple[Path, bytes] | None = None
    transient: bool = False


@dataclass(slots=True)
class Contents:
    """The contents of a backup.

    Attributes:
        items: the files, in the order in which they are written.
        companies: the latest snapshot and journal entry of each company.
        damaged: one sentence per file that is known to be damaged or missing.
        left_out: the names in the home folder that are neither in the backup nor rebuilt.
    """

    items: list[Item] = field(default_factory=list)
    companies: dict[str, CompanyMark] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def choose(home: Home, needs: Needs, *, tokens: bool) -> Contents:
    """List the files of a backup, and read those that may change. The caller holds the warehouse's lock.

    Args:
        home: the home folder.
        needs: the files that the settings name.
        tokens: whether to include the OAuth tokens.

    Raises:
        LandingError: if a file or folder cannot be read.
    """
    folder, contents = home.folder, Contents()
    newest = {company.name: _add_company(contents, folder, company) for company in _folders(home.landing)}
    # the tombstones of deleted companies
    contents.items += [_read(folder, path) for path in _entries(home.landing) if path.suffix == ".json"]
    # a head file is read before its journal: the next writer updates one that is behind
    journals = sorted(_walk(home.journal), key=lambda path: (path.suffix == ".ndjson", path))
    contents.items += [_read(folder, path) for path in journals if path.parent == home.journal]
    contents.items += [Item(_name(folder, path), path) for path in journals if path.parent != home.journal]
    marks = {Path(item.name).stem: _mark(item.content) for item in contents.items if _is_journal(item)}
    for name in sorted(newest.keys() | marks.keys()):
        contents.companies[name] = CompanyMark(snapshot_id=newest.get(name), journal=marks.get(name))
    folders = [folder / _ALERTS, *([folder / TOKENS] if tokens else [])]
    others = [path for other in folders for path in _walk(other)]
    others += [folder / name for name in (*FILES_OF_SETTINGS, output_access.EXPORTED)]
    others += [path for named in needs.inside for path in (_walk(named) if named.is_dir() else [named])]
    taken = {item.name for item in contents.items}
    for path in others:
        if (name := _name(folder, path)) not in taken and path.is_file():
            taken.add(name)
            contents.items.append(_read(folder, path))
    known = MADE_AGAIN | {TOKENS} | {name.partition("/")[0] for name in taken}
    contents.left_out = sorted(path.name for path in _entries(folder) if path.name not in known)
    return contents


def _add_company(contents: Contents, home: Path, folder: Path) -> str | None:
    """Add a company's snapshots, and return the id of the newest committed one."""
    newest = None
    for path in _entries(folder):
        if not path.is_dir():
            contents.items.append(_read(home, path))
            continue
        names = {file.name for file in _entries(path)}
        if MANIFEST in names or SET_ASIDE in names:
            manifest = MANIFEST if MANIFEST in names else SET_ASIDE
            newest = path.name if manifest == MANIFEST else newest
            _add_snapshot(contents, home, path / manifest)
        elif DRAFT in names and ABANDONED not in names:
            drafts = [path / name for name in sorted(names) if name == DRAFT or name.endswith(".ndjson")]
            contents.items += [Item(_name(home, file), file, transient=True) for file in drafts]
        else:
            contents.items += [Item(_name(home, file), file) for file in _walk(path)]
    return newest


def _add_snapshot(contents: Contents, home: Path, manifest: Path) -> None:
    item = _read(home, manifest)
    content = item.content or b""
    digests: dict[str, str] = {}
    try:
        record = parse_record(manifest, content, Manifest)
        digests = {file.name: file.sha256 for file in record.files}
    except LandingError as error:
        contents.damaged.append(f"{error.problem}.")
    names = set()
    for path in _walk(manifest.parent):
        names.add(path.name)
        # a commit removes these files later; they do not belong to the snapshot
        if path != manifest and path.name != DRAFT and path.suffix != ".ndjson":
            sha256 = digests.get(path.name)
            contents.items.append(Item(_name(home, path), path, None, sha256, (manifest, content)))
    contents.damaged += [f"{manifest.parent / name} is missing." for name in sorted(digests.keys() - names)]
    contents.items.append(item)


def _is_journal(item: Item) -> bool:
    return item.name.startswith(f"{_JOURNAL}/") and item.name.endswith(".ndjson")


def _mark(content: bytes | None) -> Mark:
    """The mark of a journal, up to its last complete line."""
    complete, newline, _ = (content or b"").rpartition(b"\n")
    text = complete + newline
    return Mark(lines=text.count(b"\n"), sha256=hashlib.sha256(text).hexdigest())


def _read(home: Path, path: Path) -> Item:
    try:
        return Item(_name(home, path), path, files.real(path).read_bytes())
    except OSError as error:
        raise files.cannot_read(path, error) from error


def _name(home: Path, path: Path) -> str:
    return path.relative_to(home).as_posix()


def _folders(folder: Path) -> Iterable[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _walk(folder: Path) -> Iterator[Path]:
    """All files below a folder; none if it does not exist."""
    for path in _entries(folder):
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _entries(folder: Path) -> list[Path]:
    """The entries of a folder, without locks and temporary files; none if it does not exist."""
    try:
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise files.cannot_read(folder, error) from error
    return [path for path in entries if not (path.name[0] == "." and path.name.endswith(_TRANSIENT))]
