"""Records a run and the published snapshot; a record that cannot be written is a warning.

A run holds a lock, which the kernel frees when its process ends in any way. So a run that has begun, has not
ended, and holds no lock was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pipedrive_graph._version import __version__
from pipedrive_graph.common import clock, locks
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import BusyError, LandingError, PipedriveGraphError, WarehouseError
from pipedrive_graph.runs.record import Ended, Shown, Started, lock_of, read, update

if TYPE_CHECKING:
    from pipedrive_graph.published.summary import Summary

_TRIES = 5  # for the lock: `status` may hold it for a moment


class Recording:
    """The record of one run.

    Args:
        home: the home folder.
        company: its name in the settings.
        run_id: the id of the run.
        on_warning: called with a sentence if the record cannot be written.
    """

    def __init__(self, home: Home, company: str, run_id: str, on_warning: Callable[[str], None]) -> None:
        self._home, self._company, self._on_warning = home, company, on_warning
        self._held = ExitStack()
        self._holds = False
        self.started = Started(run_id=run_id, started_at=clock.now(), version=__version__)
        self._began = time.monotonic()

    def start(self) -> None:
        """Record that the run has begun, if the home exists and no other run is under way."""
        if not self._home.folder.is_dir():
            return  # the first run creates the home after it has checked the token
        if self._lock():
            self._update(running=self.started)

    def end(
        self,
        exit_code: int,
        *,
        error: str | None = None,
        status: str | None = None,
        snapshot_id: str | None = None,
        requests: int = 0,
        throttled: int = 0,
        alerts_not_sent: Sequence[str] = (),
        summary: Summary | None = None,
    ) -> Ended:
        """Record how the run has ended.

        Args:
            exit_code: the exit code of `sync`.
            error: the message of the error that ended it.
            status: the status of its snapshot.
            snapshot_id: its snapshot.
            requests: the number of requests that were sent.
            throttled: the number of requests that were throttled.
            alerts_not_sent: one sentence per alert that could not be sent.
            summary: the published summary.
        """
        ended = Ended(
            **dict(self.started),
            ended_at=clock.now(),
            exit_code=exit_code,
            status=status,
            snapshot_id=snapshot_id,
            error=error,
            requests=requests,
            throttled=throttled,
            seconds=round(time.monotonic() - self._began, 2),
            alerts_not_sent=tuple(alerts_not_sent),
        )
        changes: dict[str, object] = {"running": None, "last": ended}
        if exit_code == 0:
            changes["succeeded_at"] = ended.ended_at
        if summary is not None:
            changes["published"] = _shown(summary)
        with self._held:
            if self._home.folder.is_dir():
                self._update(**changes)
        return ended

    def drop(self) -> None:
        """Remove the started run from the record: another process is running, so this run did nothing."""
        with self._held:
            if self._holds:
                self._update(running=None)

    def _update(self, **changes: object) -> None:
        try:
            update(self._home, self._company, **changes)
        except (LandingError, BusyError) as error:
            self._warn(error)

    def _warn(self, error: PipedriveGraphError) -> None:
        self._on_warning(f"The run is not recorded: {error}")

    def _lock(self) -> bool:
        for _ in range(_TRIES):
            try:
                self._held.enter_context(locks.lock(lock_of(self._home, self._company), doing="running"))
            except BusyError:
                time.sleep(0.02)
            except LandingError as error:
                self._warn(error)
                return False
            else:
                self._holds = True
                return True
        return False


def note_published(home: Home, company: str, on_warning: Callable[[str], None]) -> None:
    """Record the published snapshot of a company after another command than `sync` has published."""
    from pipedrive_graph.published.summary import summarise  # imports DuckDB, which `status` does not need

    try:
        summary = summarise(home.published, company)
        if summary is not None:
            update(home, company, published=_shown(summary))
    except (LandingError, BusyError, WarehouseError) as error:
        on_warning(f"The published snapshot is not recorded for `status`: {error}")


def note_alerts_sent(home: Home, company: str, on_warning: Callable[[str], None]) -> None:
    """Record that the alerts that the last run could not send were sent."""
    try:
        last = read(home, company).last
        if last and last.alerts_not_sent:
            update(home, company, last=last.model_copy(update={"alerts_not_sent": ()}))
    except (LandingError, BusyError) as error:
        on_warning(f"The sent alerts are not recorded for `status`: {error}")


def is_under_way(home: Home, company: str) -> bool:
    """Whether a run of a company holds its lock; writes nothing."""
    return locks.is_held(lock_of(home, company))


def _shown(summary: Summary) -> Shown:
    return Shown(
        snapshot_id=summary.snapshot_id,
        finished_at=summary.finished_at,
        status=summary.status,
        findings=summary.counts,
    )
