"""Removes what Dagster's API leaves behind when a run is deleted: rows of its SQLite databases, and files.

`DagsterInstance.delete_run` leaves a run's database, its tags, the results of its checks, and the free space
in each database. If Dagster stores its runs elsewhere, such as in PostgreSQL, these files do not exist.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg

_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The id of a run; its files are named after it."""

_TICK_LOGS = "__repository__"
"""The folder, below storage, of the logs of schedules and sensors."""

_TIMEOUT = 10
"""Seconds to wait for another process that writes the same database."""

_LEAST_FREE = 2**20
"""The least free space, in bytes, for which a database is rewritten."""

_PAGE = 1024
"""The page size in the database of a run that has ended. Each of its 25 tables and indexes takes at least one
page, and most are empty: with Dagster's 4,096 bytes, they would take more space than the run's events."""

_RUNS_TABLES = ("run_tags",)
_INDEX_TABLES = ("event_logs", "asset_check_executions")
"""The tables whose rows of a `run_id` are deleted with the run."""

Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class DagsterFiles:
    """Dagster's files in its home.

    Attributes:
        home: the folder that DAGSTER_HOME names.
    """

    home: Path

    @property
    def runs(self) -> Path:
        """The database of the runs."""
        return self.home / "history" / "runs.db"

    @property
    def index(self) -> Path:
        """The database of asset events of all runs."""
        return self._events / "index.db"

    @property
    def runless(self) -> Path:
        """The database of events without a run."""
        return self._events / ".db"

    @property
    def ticks(self) -> Path:
        """The database of schedules and sensors."""
        return self.home / "schedules" / "schedules.db"

    @property
    def exist(self) -> bool:
        """Whether Dagster stores its runs in SQLite."""
        return self.runs.is_file() and self.index.is_file()

    @property
    def size(self) -> int:
        """The total size of all files, in bytes."""
        sizes = 0
        for path in self.home.rglob("*"):
            with suppress(OSError):  # gone in the meantime
                sizes += path.lstat().st_size
        return sizes

    @property
    def _events(self) -> Path:
        return self.home / "history" / "runs"

    def remove_run(self, run_id: str) -> None:
        """Remove a deleted run's files, and the rows that Dagster leaves."""
        if not self.exist or not _RUN.fullmatch(run_id):
            return
        for suffix in ("", "-wal", "-shm", "-journal"):
            (self._events / f"{run_id}.db{suffix}").unlink(missing_ok=True)
        shutil.rmtree(self.home / "storage" / run_id, ignore_errors=True)
        self._delete_rows(self.runs, _RUNS_TABLES, {run_id})
        self._delete_rows(self.index, _INDEX_TABLES, {run_id})

    def pack(self, run_ids: Iterable[str]) -> None:
        """Rewrite the databases of ended runs with smaller pages; a database in use is left for later."""
        for run_id in run_ids:
            database = self._events / f"{run_id}.db"
            if not _RUN.fullmatch(run_id) or not database.is_file() or _page_size(database) <= _PAGE:
                continue
            with (
                suppress(sqlite3.OperationalError),
                closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection,
            ):
                connection.execute("PRAGMA journal_mode = DELETE")  # in WAL mode, the page size is fixed
                connection.execute(f"PRAGMA page_size = {_PAGE}")
                connection.execute("VACUUM")
                connection.execute("PRAGMA journal_mode = WAL")

    def orphans(self, known: Collection[str], before: datetime) -> set[str]:
        """The ids of runs that have files but that Dagster no longer knows: their deletion was interrupted.

        Args:
            known: the runs that Dagster knows.
            before: only files last modified before this time are considered.
        """
        if not self.exist:
            return set()
        paths = [*self._events.glob("*.db"), *(self.home / "storage").glob("*")]
        run_ids = set()
        for path in paths:
            run_id = path.name.removesuffix(".db")
            with suppress(FileNotFoundError):
                is_old = path.stat().st_mtime < before.timestamp()
                if is_old and _RUN.fullmatch(run_id) and run_id not in known:
                    run_ids.add(run_id)
        return run_ids

    def latest_runs(self) -> set[str]:
        """The runs of the latest materialization of each asset and partition; faster than the API."""
        with _opened(self.index) as connection:
            rows = connection.execute(
                """
                SELECT DISTINCT run_id FROM event_logs WHERE id IN (
                    SELECT max(id) FROM event_logs
                    WHERE dagster_event_type = 'ASSET_MATERIALIZATION'
                    GROUP BY asset_key, partition
                )"""
            ).fetchall()
        return {run_id for (run_id,) in rows}

    def remove_before(self, before: datetime) -> None:
        """Remove events without a run, and logs of schedules and sensors, that are older than a time."""
        if not self.exist:
            return
        for database in filter(Path.is_file, (self.runless, self.index)):
            with _opened(database) as connection:
                # stored as text in UTC, such as '2026-11-30 02:47:08.665817'
                connection.execute(
                    "DELETE FROM event_logs WHERE run_id = '' AND timestamp < ?",
                    [f"{before:%Y-%m-%d %H:%M:%S}"],
                )
        for path in self._tick_logs():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()

    def remove_ticks(self, condition: str, *values: object) -> None:
        """Remove ticks of schedules and sensors."""
        if self.ticks.is_file():
            with _opened(self.ticks) as connection:
                connection.execute(f"DELETE FROM job_ticks WHERE {condition}", values)  # noqa: S608 - our own

    def remove_matching(self, matches: Matches) -> None:
        """Remove matching events without a run, ticks, and logs of schedules and sensors."""
        if not self.exist:
            return
        statements = {
            self.runless: "DELETE FROM event_logs WHERE matches(event)",
            self.index: "DELETE FROM event_logs WHERE run_id = '' AND matches(event)",
            self.ticks: "DELETE FROM job_ticks WHERE matches(tick_body)",
        }
        for database, statement in statements.items():
            if database.is_file():
                with _opened(database) as connection:
                    connection.create_function("matches", 1, lambda text: matches(text or ""))
                    connection.execute(statement)
        for path in self._tick_logs():
            with suppress(FileNotFoundError):
                if matches(path.read_text(encoding="utf-8", errors="replace")):
                    path.unlink()

    def run_matches(self, run_id: str, matches: Matches) -> bool:
        """Whether an event or the output of a run matches."""
        database = self._events / f"{run_id}.db"
        if database.is_file():
            with _opened(database) as connection:
                if any(matches(event) for (event,) in connection.execute("SELECT event FROM event_logs")):
                    return True
        return any(
            matches(path.read_text(encoding="utf-8", errors="replace"))
            for path in sorted((self.home / "storage" / run_id).rglob("*"))
            if path.is_file()
        )

    @contextmanager
    def order_kept(self) -> Iterator[None]:
        """Allow the block to delete events, and keep the ids of later events increasing.

        If the last row is deleted, SQLite reuses its id. A sensor whose cursor has passed that id would miss
        the new event.
        """
        if not self.exist:
            yield
            return
        before = self._last_event()
        yield
        if self._last_event() < before:
            entry = dg.EventLogEntry(None, 20, "Events were deleted here.", "", 0.0)  # type: ignore[no-untyped-call]
            content = entry.to_json()  # type: ignore[no-untyped-call]
            with _opened(self.index) as connection:
                connection.execute(
                    "INSERT INTO event_logs (id, run_id, event, timestamp) VALUES (?, '', ?, ?)",
                    [before, content, "1970-01-01 00:00:00"],
                )

    def repair_assets(self) -> None:
        """Point each asset to its latest remaining materialization; remove assets without any."""
        if not self.exist:
            return
        with _opened(self.index) as connection:
            lost = connection.execute(
                """
                SELECT asset_key FROM asset_keys
                WHERE last_run_id IS NOT NULL AND last_run_id NOT IN (
                    SELECT run_id FROM event_logs WHERE event_logs.asset_key = asset_keys.asset_key
                )"""
            ).fetchall()
            for (key,) in lost:
                latest = connection.execute(
                    """
                    SELECT id, run_id, event, timestamp FROM event_logs
                    WHERE asset_key = ? AND dagster_event_type = 'ASSET_MATERIALIZATION'
                    ORDER BY id DESC LIMIT 1""",
                    [key],
                ).fetchone()
                if latest is None:
                    connection.execute("DELETE FROM asset_keys WHERE asset_key = ?", [key])
                    continue
                number, run_id, event, timestamp = latest
                record = (
                    f'{{"__class__": "EventLogRecord", "event_log_entry": {event}, "storage_id": {number}}}'
                )
                connection.execute(
                    """
                    UPDATE asset_keys
                    SET last_materialization = ?, last_run_id = ?, last_materialization_timestamp = ?,
                        cached_status_data = NULL
                    WHERE asset_key = ?""",
                    [record, run_id, timestamp, key],
                )

    def shrink(self, *, erase: bool = False) -> None:
        """Return the databases' free space to the disk, if it is worth it and the disk has room for a copy.

        Args:
            erase: whether no deleted data may be left in a file: then each file is rewritten, and a failure
                is an error.
        """
        for database in (self.runs, self.index, self.runless, self.ticks):
            if not database.is_file():
                continue
            with closing(sqlite3.connect(database, timeout=_TIMEOUT, isolation_level=None)) as connection:
                (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
                (page_size,) = connection.execute("PRAGMA page_size").fetchone()
                size, room = database.stat().st_size, shutil.disk_usage(database.parent).free
                # the next runs reuse a smaller amount
                is_worth_it = pages * page_size >= max(_LEAST_FREE, size / 4)
                if erase or (is_worth_it and room > 2 * size):
                    connection.execute("VACUUM")
                # the write-ahead log still holds the deleted data
                (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if is_busy and erase:
                    raise sqlite3.OperationalError("database is locked")

    def _tick_logs(self) -> list[Path]:
        return [path for path in (self.home / "storage" / _TICK_LOGS).rglob("*") if path.is_file()]

    def _last_event(self) -> int:
        with _opened(self.index) as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM event_logs").fetchone()[0])

    def _delete_rows(self, database: Path, tables: Collection[str], run_ids: Collection[str]) -> None:
        with _opened(database) as connection:
            for table in tables:
                connection.executemany(
                    f"DELETE FROM {table} WHERE run_id = ?",  # noqa: S608 - our own table names
                    [[run_id] for run_id in run_ids],
                )


def _page_size(database: Path) -> int:
    """The page size, from the header of the file; 0 for an empty file."""
    with database.open("rb") as file:
        return int.from_bytes(file.read(18)[16:], "big")


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database in one transaction; deleted data is overwritten with zeros."""
    with closing(sqlite3.connect(database, timeout=_TIMEOUT)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        with connection:
            yield connection
