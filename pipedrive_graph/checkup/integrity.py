"""Checks one company's snapshots and decisions, file by file and line by line, for `verify`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from pipedrive_graph.alerts import fallback, state
from pipedrive_graph.checkup.check import Check, fault
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.alerts_file import AlertsFile
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions import rosters
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.decisions.losses import check_journal
from pipedrive_graph.decisions.review_handlers import OPENED, recall
from pipedrive_graph.errors import AlertError, LandingError
from pipedrive_graph.landing import CompanyLanding, File, Landing, Manifest
from pipedrive_graph.landing.records import DERIVED, KNOWN, MANIFEST, MEMORY
from pipedrive_graph.landing.tombstones import FORGOTTEN
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Endpoint
from pipedrive_graph.runs import record

_ENDPOINTS, _OUTCOMES = set(Endpoint), set(Outcome)


def landing(home: Home, company: Company, *, quick: bool) -> Iterator[Check]:
    """Whether every file of every snapshot is intact, and every response in it can be parsed.

    Args:
        home: the home folder.
        company: the company whose snapshots are checked.
        quick: whether to compare only the sizes of the files, and read only the manifests.
    """
    snapshots = Landing(home.storage).of(company.name)
    faults: list[LandingError] = [
        LandingError(f"{folder} has no {MANIFEST}; restore it from a backup, or move the folder away.")
        for folder in snapshots.strays()
    ]
    files = answers = count = 0
    for snapshot_id, manifest in snapshots.committed():
        count += 1
        if isinstance(manifest, LandingError):
            faults.append(manifest)
            continue
        files, answers = files + len(manifest.files), answers + sum(file.rows for file in manifest.files)
        damaged = snapshots.problems(manifest, quick=True) if quick else _unreadable(snapshots, manifest)
        faults += [_advised(file.name, error) for file, error in damaged]
        faults += _unnamed(snapshots, snapshot_id, manifest)
    try:
        snapshots.chain()
    except LandingError as error:
        faults.append(error)
    with suppress(LandingError):  # the chain cannot be read either
        yield from _tombstones(snapshots)
    texts = dict.fromkeys(map(str, faults))
    yield from (fault("landing", LandingError(text), company=company.name) for text in texts)
    if not count:
        yield Check("landing", "landing: no snapshots", company=company.name)
    elif not faults:
        how = "sizes compared" if quick else "sha256 compared, every answer read"
        counts = f"{counted(count, 'snapshot')}, {counted(files, 'file')}, {counted(answers, 'answer')}"
        yield Check("landing", f"landing: {counts}: {how}", company=company.name)


def _tombstones(snapshots: CompanyLanding) -> Iterator[Check]:
    """What `forget` has removed; no result if it removed nothing."""
    tombstones = snapshots.forgotten().tombstones
    if tombstones:
        last = tombstones[-1]
        removed = ", ".join(f"{what}: {count}" for what, count in last.counts.items())
        text = (
            f"forgotten: {counted(len(tombstones), 'removal')} in {snapshots.path / FORGOTTEN}, the last of"
            f" {last.at:%Y-%m-%d} ({removed}); reason: {last.reason}"
        )
        yield Check("forgotten", text, company=snapshots.company)


def journal(home: Home, company: Company) -> Iterator[Check]:
    """Whether the journal is complete, and the rosters and reviews that it names are intact."""
    entries = Journal.of(home, company.name)
    check_journal(home, company.name)
    lines = entries.lines()
    if lines and not entries.has_head():
        raise LandingError(f"{entries.head} is missing or damaged; the next sync writes it again.")
    rosters.recorded(home, [company.name])
    lost = entries.lost()
    opened = [line.content for line in lines if line.kind == OPENED and line.content["sha256"] not in lost]
    for review in opened:
        recall(home, company.name, review["review_id"], review["sha256"])
    if lines:
        digests = {line.content.get("sha256") for line in lines if line.kind == rosters.KIND} - {None} - lost
        named = f"{counted(len(digests), 'roster')} and {counted(len(opened), 'review')} that it names"
        text = f"journal: {counted(len(lines), 'entry', 'entries')} in {entries.path}, {named}"
        yield Check("journal", text, company=company.name)


def alerts(home: Home, alerts_file: AlertsFile, company: Company) -> Iterator[Check]:
    """Whether the alert files are intact: the record of sent alerts, and the copy of alerts.toml.

    Raises:
        AlertError: if one is damaged or missing.
    """
    state.read(home, company.name)
    fallback.check(home.folder)
    channels = alerts_file.channels_of(company.name)
    if channels and fallback.exists(home.folder) and not state.exists(home, company.name):
        raise AlertError(
            f"The record of alerts about {company.name} is missing from {home.folder / 'alerts'}."
            " The next run sends all open findings once more."
        )
    yield from ()


def runs(home: Home, company: Company) -> Iterator[Check]:
    """Whether the record of a company's runs is intact, if there is one.

    Raises:
        LandingError: if it is damaged.
    """
    record.read(home, company.name)
    yield from ()


def _advised(name: str, error: LandingError) -> LandingError:
    """The problem of a file, with advice: a derived file can be rebuilt without a backup."""
    if name not in DERIVED:
        return error
    return LandingError(f"{error.problem}; if it is needed, the next sync rebuilds it from the responses.")


def _unnamed(snapshots: CompanyLanding, snapshot_id: str, manifest: Manifest) -> Iterator[LandingError]:
    """The files of a snapshot that its manifest does not list; no code reads them."""
    names = {file.name for file in manifest.files} | {MANIFEST, "draft.json"}
    for name in snapshots.storage.names(snapshot_id):
        if name not in names and not name.endswith((".ndjson", ".tmp")):
            path = snapshots.path / snapshot_id / name
            yield LandingError(f"{path} is not listed in the manifest beside it; move it away.")


def _unreadable(snapshots: CompanyLanding, manifest: Manifest) -> Iterator[tuple[File, LandingError]]:
    """The files of a snapshot that are missing, damaged, or were written wrongly."""
    for file in manifest.files:
        try:
            _read(snapshots, manifest, file)
        except LandingError as error:
            yield file, error


def _read(snapshots: CompanyLanding, manifest: Manifest, file: File) -> None:
    """Read a file once, and compare its sha256 on the way.

    Raises:
        LandingError: if it is damaged.
    """
    if file.name == KNOWN:
        snapshots.known(manifest)
        return
    if file.name == MEMORY:
        snapshots.memory(manifest)
        return
    path = snapshots.path / manifest.snapshot_id / file.name
    number = 0
    for number, line in enumerate(snapshots.answers(manifest, file), 1):
        problem = _problem(line, path)
        if problem:
            raise LandingError(f"{path}: line {number}: {problem}; restore it from a backup.")
    if number != file.rows:
        raise LandingError(
            f"{path} holds {counted(number, 'answer')}, but its manifest lists {file.rows};"
            " restore it from a backup."
        )


def _problem(line: Any, path: Path) -> str | None:  # noqa: ANN401 - whatever JSON holds
    """What is wrong with a line of a file of responses; None if nothing is."""
    try:
        endpoint, asked = line["endpoint"], line["asked"]
        if endpoint not in _ENDPOINTS or line["outcome"] not in _OUTCOMES:
            return "the endpoint or the outcome is unknown"
        if path.name != f"{endpoint.replace('{id}', 'id').replace('/', '.')}.ndjson.gz":
            return f"a response of {endpoint} is in the wrong file"
        if bool(asked["id"]) != Endpoint(endpoint).takes_id:
            return "the requested id is missing"
        datetime.fromisoformat(line["at"])
        _ = line["answer"]
    except (KeyError, TypeError, ValueError):
        return "it does not have the format of a stored response"
    return None
