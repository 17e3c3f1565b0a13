"""Deletes old runs from Dagster's home, and the runs that `forget` selects.

Dagster keeps all runs for ever; its own setting `retention` only covers ticks. A run stays, however old it
is, if it made an asset's latest materialization for a company, or if it has not ended.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from pipedrive_graph.common import clock, files, locks
from pipedrive_graph.common.text import counted
from pipedrive_graph.config.options import Dagster
from pipedrive_graph.errors import BusyError, LandingError, PipedriveGraphError
from pipedrive_graph.orchestration import instance as instances
from pipedrive_graph.orchestration.dagster_files import DagsterFiles, Matches
from pipedrive_graph.orchestration.names import JOBS as NAMED_JOBS
from pipedrive_graph.orchestration.names import PARTITION, RANGE, TAG

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

JOBS = (*NAMED_JOBS, "__ASSET_JOB")
"""Our jobs; the last is Dagster's name for a run that was started from the page of an asset."""

MODULE = "pipedrive_graph.definitions"

_REPOSITORY = ".dagster/repository"
"""The tag with the repository of a run that Dagster's daemon or page has started."""

_MARK = ".last-retention"
"""The file in Dagster's home with the time of the last deletion of old runs."""

_SECONDS = 20.0
"""The time limit of one call. A sensor of Dagster has a minute in all."""

_BATCH = 200

_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class Removed:
    """What was deleted; in a dry run, what would be.

    Attributes:
        runs: the number of runs.
        left: the number of selected runs that stay because they have not ended.
        freed: the disk space that was freed, in bytes; 0 in a dry run.
        complete: whether the next call has nothing left to do.
    """

    runs: int = 0
    left: int = 0
    freed: int = 0
    complete: bool = True

    def __str__(self) -> str:
        """The result as a sentence, for a log."""
        return f"{counted(self.runs, 'old run')} deleted, {self.freed / 2**20:.1f} MiB freed."


def daily(instance: dg.DagsterInstance, options: Dagster, *, seconds: float = _SECONDS) -> Removed | None:
    """Delete old runs at most once a day; None if that is done already, or another process is doing it.

    Args:
        instance: an instance on disk.
        options: how long runs are kept.
        seconds: the time limit; the rest is left for the next call.

    Raises:
        PipedriveGraphError: if something cannot be deleted; the next call continues.
    """
    home = Path(instance.root_directory)
    now = clock.now()
    mark = home / _MARK
    with suppress(OSError, ValueError):
        if timedelta() <= now - datetime.fromisoformat(mark.read_text(encoding="ascii")) < timedelta(days=1):
            return None
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.lock(home / f"{_MARK}.lock", doing="deleting old runs of Dagster"))
        except BusyError:
            return None
        removed = clean(instance, options, now, seconds=seconds)
        if removed.complete:
            files.write_atomically(mark, now.isoformat().encode())
    return removed


def clean(
    instance: dg.DagsterInstance, options: Dagster, now: datetime, *, seconds: float = _SECONDS
) -> Removed:
    """Delete the runs that are older than the settings allow, oldest first.

    Raises:
        PipedriveGraphError: if something cannot be deleted; earlier deletions are kept.
    """
    before = now - timedelta(days=options.keep_days)
    until = time.monotonic() + seconds
    folder = DagsterFiles(Path(instance.root_directory))
    with _explained(folder.home):
        old = _old_runs(instance, before, keep=options.keep_runs)
        lasting = _latest(instance, folder) if old else set()
        deletable = [run_id for run_id in old if run_id not in lasting]
        deletable += sorted(folder.orphans(_known(instance), min(before, _yesterday())))
        size = folder.size if deletable else 0
        deleted = 0
        for run_id in deletable:
            if time.monotonic() > until:
                break
            _delete(instance, folder, run_id)
            deleted += 1
        folder.remove_before(before)
        if folder.exist:
            folder.pack(run.dagster_run.run_id for run in _ended(instance))
        if deleted:
            folder.shrink()
        return Removed(
            deleted,
            freed=max(size - folder.size, 0) if deleted else 0,
            complete=deleted == len(deletable),
        )


def forget(
    *,
    company: str | None = None,
    before: datetime | None = None,
    texts: Sequence[str] = (),
    on_wait: Callable[[str], None],
    dry_run: bool = False,
    with_unfinished: bool = False,
) -> Removed | None:
    """Delete runs, ticks and events from the instance in DAGSTER_HOME; None if the variable is not set.

    Everything that matches one of the three selections is deleted, even an asset's latest materialization.

    Args:
        company: selects all runs of this company, also those that it shares with other companies.
        before: selects runs that began before this time, and older ticks and events.
        texts: selects runs with one of these texts in an event, a tag or the output, ignoring case.
        on_wait: called once when another process holds the lock.
        dry_run: whether to count only.
        with_unfinished: whether to delete runs that Dagster still considers unfinished. Only for a caller
            that holds the locks of a run: then the process of such a run must have died.

    Raises:
        PipedriveGraphError: if something cannot be deleted; the same call again continues.
    """
    with instances.opened(on_wait) as instance:
        if instance is None:
            return None
        folder = DagsterFiles(Path(instance.root_directory))
        lock = locks.lock(folder.home / f"{_MARK}.lock", doing="deleting runs of Dagster", on_wait=on_wait)
        with lock, _explained(folder.home):
            chosen = [
                run
                for run in _records(instance)
                if (before is not None and run.create_timestamp < before)
                or (company is not None and _concerns(instance, folder, run.dagster_run, company))
                or (texts and _holds(instance, folder, run.dagster_run, contains(texts)))
            ]
            doomed = [run for run in chosen if with_unfinished or run.dagster_run.is_finished]
            left = len(chosen) - len(doomed)
            if dry_run:
                return Removed(len(doomed), left)
            size = folder.size
            with folder.order_kept():
                for run in doomed:
                    _delete(instance, folder, run.dagster_run.run_id)
                if before is not None:
                    folder.remove_before(before)
                    folder.remove_ticks("timestamp < ?", f"{before.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
                if company is not None:
                    folder.remove_matching(names(company))
                if texts:
                    folder.remove_matching(contains(texts))
                folder.repair_assets()
            folder.shrink(erase=True)
            return Removed(len(doomed), left, max(size - folder.size, 0))


def contains(texts: Sequence[str]) -> Matches:
    """A matcher for texts that contain one of these, ignoring case and JSON escapes."""
    forms = {_unescaped(form) for text in texts for form in (text, json.dumps(text)[1:-1])}

    def matches(text: str) -> bool:
        plain = _unescaped(text)
        return any(form in plain for form in forms)

    return matches


def _unescaped(text: str) -> str:
    """A text without JSON escapes, for comparison. Metadata of an event is JSON within JSON."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text).replace("\\", "").casefold()


def names(company: str) -> Matches:
    """A matcher for texts that name a company."""
    name = re.compile(rf"(?<![\w-]){re.escape(company)}(?![\w-])")
    return lambda text: name.search(text) is not None


def _concerns(instance: dg.DagsterInstance, folder: DagsterFiles, run: dg.DagsterRun, company: str) -> bool:
    """Whether a run concerns a company; a run for several companies names them in its events."""
    if company in {run.tags.get("company"), run.tags.get(PARTITION)}:
        return True
    is_for_several = RANGE[0] in run.tags or TAG in run.tags
    return is_for_several and _holds(instance, folder, run, names(company))


def _holds(instance: dg.DagsterInstance, folder: DagsterFiles, run: dg.DagsterRun, matches: Matches) -> bool:
    if matches(json.dumps([dict(run.tags), run.run_config], default=str)):
        return True
    if folder.exist:
        return folder.run_matches(run.run_id, matches)
    entries = instance.all_logs(run.run_id)
    return any(matches(entry.to_json()) for entry in entries)  # type: ignore[no-untyped-call]


def _delete(instance: dg.DagsterInstance, folder: DagsterFiles, run_id: str) -> None:
    """Delete one run. If that is interrupted, the next call finds its files as orphans."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    folder.remove_run(run_id)


def _old_runs(instance: dg.DagsterInstance, before: datetime, *, keep: int) -> list[str]:
    """Our ended runs that began before a time, oldest first, except for the newest `keep`."""
    newest = {run.dagster_run.run_id for run in instance.get_run_records(limit=keep)}
    filters = dg.RunsFilter(statuses=ENDED, created_before=before)
    records = instance.get_run_records(filters=filters, ascending=True)
    return [
        run.dagster_run.run_id
        for run in records
        if run.dagster_run.run_id not in newest and _is_ours(run.dagster_run)
    ]


def _ended(instance: dg.DagsterInstance) -> Sequence[dg.RunRecord]:
    """Our runs that have ended."""
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=ENDED))
    return [run for run in records if _is_ours(run.dagster_run)]


def _is_ours(run: dg.DagsterRun) -> bool:
    """Whether a run belongs to this program: Dagster's home may be shared with other projects."""
    repository = run.tags.get(_REPOSITORY)
    return TAG in run.tags or (repository.endswith(f"@{MODULE}") if repository else run.job_name in JOBS)


def _latest(instance: dg.DagsterInstance, folder: DagsterFiles) -> set[str]:
    """The runs of the latest materialization of each asset and company."""
    if folder.exist:
        return folder.latest_runs()
    runs = set()
    for key in instance.get_asset_keys():
        latest = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        ids = list(latest.values())
        for first in range(0, len(ids), _BATCH):
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[first : first + _BATCH])
            runs |= {
                record.run_id for record in instance.fetch_materializations(wanted, limit=_BATCH).records
            }
    return runs


def _records(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    return [*instance.get_run_records(ascending=True)]


def _known(instance: dg.DagsterInstance) -> Collection[str]:
    return set(instance.get_run_ids())


def _yesterday() -> datetime:
    """A day ago by the real clock, like file times: a run has files shortly before Dagster knows it."""
    return datetime.now(UTC) - timedelta(days=1)


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """Turn errors of Dagster, SQLite and the system into errors with one clear sentence."""
    try:
        yield
    except PipedriveGraphError:
        raise
    except Exception as error:
        cause = error.__cause__ if isinstance(error.__cause__, sqlite3.Error) else error
        text = str(getattr(error, "orig", None) or cause)
        if files.is_full(error) or "disk is full" in text:
            raise files.no_space(home) from error
        if "locked" in text or "busy" in text:
            raise BusyError(
                f"Another process is writing Dagster's runs in {home}; try again later."
            ) from error
        if isinstance(error, OSError):
            raise files.cannot_write(Path(error.filename or home), error) from error
        if isinstance(error, sqlite3.Error) or text != str(error):
            raise LandingError(f"Runs of Dagster in {home} cannot be deleted: {text}.") from error
        raise
