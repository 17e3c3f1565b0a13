"""Checks this machine's clock: every time in a table comes from it, so a wrong clock causes wrong findings.

There are three pieces of evidence, in order of precedence:

1. The server's `Date` header. A clock that is ahead of it is refused, whatever the landing holds.
2. This machine's clock, if the server's `Date` agrees with it or is absent.
3. The newest snapshot. If it is later than the clock, either it was taken with a wrong clock or this clock is
   wrong; the run is refused.

A clock behind the server's `Date` only causes a warning, because it makes no data look older than it is. A
long pause is not evidence: after a year without a snapshot, a clock that agrees with the server is right.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile

from pipedrive_graph.common import clock
from pipedrive_graph.errors import ClockError
from pipedrive_graph.landing import CompanyLanding
from pipedrive_graph.pipedrive.client import ServerTime

LATEST = timedelta(hours=1)
"""If a snapshot is later than the clock by more than this, one of the two times is wrong."""


def check_clock(
    landing: CompanyLanding, server: ServerTime | None, on_warning: Callable[[str], None] | None = None
) -> None:
    """Refuse to date a snapshot by a wrong clock.

    Args:
        landing: the company's snapshots.
        server: the time according to the newest response; None if no response has a `Date` header.
        on_warning: called if the clock is behind the server's.

    Raises:
        ClockError: with both times and the command to run.
    """
    if server is not None:
        tolerance = clock.tolerance()
        if server.own - server.date > tolerance:
            raise ClockError(
                f"The clock of this machine says {_written(server.own)}, but Pipedrive's server says"
                f" {_written(server.date)}: set the clock of this machine, then run sync again; if the server"
                f" is wrong, set {clock.TOLERANCE_VARIABLE} to more minutes."
            )
        if server.date - server.own > tolerance and on_warning is not None:
            on_warning(
                f"The clock of this machine says {_written(server.own)}, but Pipedrive's server says"
                f" {_written(server.date)}: set the clock of this machine."
            )
        refuse_later_snapshots(landing)
        return
    for company in landing.others():
        refuse_later_snapshots(company)


def refuse_later_snapshots(landing: CompanyLanding) -> None:
    """Refuse to continue if a company's newest snapshots are later than the clock.

    Raises:
        ClockError: with both times and the command that sets these snapshots aside.
    """
    now = clock.now()
    later = list(takewhile(lambda snapshot: snapshot.started_at - now > LATEST, landing.newest_first()))
    if not later:
        return
    options = " ".join(f"--without-snapshot {snapshot.snapshot_id}" for snapshot in reversed(later))
    raise ClockError(
        f"The newest snapshot of '{landing.company}' is dated {_written(later[0].started_at)}, but the clock"
        f" of this machine says {_written(now)}: if the clock is wrong, set it; if the snapshot was taken"
        f" with a wrong clock, run `pipedrive-graph rebuild {options}`, then sync again."
    )


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
