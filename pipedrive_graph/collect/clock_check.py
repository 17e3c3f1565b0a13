"""Checks this machine's clock: every time in a table comes from it, so a wrong clock makes wrong findings.

There are three pieces of evidence, and each wins over the one after it:

1. the server's `Date`: a clock that is ahead of it is refused, whatever the landing holds;
2. this machine's clock, where the server's `Date` agrees with it or is absent;
3. the newest snapshot: where it is later than the clock, it was taken with a wrong clock (or this one is
   wrong), and nothing is dated after it.

A clock behind the server's `Date` is a warning: it makes nothing older than it is. A long pause is not
evidence of anything: after a year without a snapshot, a clock that agrees with the server is right.
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
"""A snapshot that is dated so much later than the clock shows that one of the two is wrong."""


def check_clock(
    landing: CompanyLanding, server: ServerTime | None, on_warning: Callable[[str], None] | None = None
) -> None:
    """Refuse to date a snapshot by a clock that is wrong.

    Args:
        landing: the company's snapshots.
        server: what the newest answer says of the time; None where no answer has a `Date`.
        on_warning: called where the clock is behind the server's.

    Raises:
        ClockError: naming both times, and what to do.
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
    """Refuse to go on where a company's newest snapshots are dated later than the clock.

    Raises:
        ClockError: naming both times, and the command that sets these snapshots aside.
    """
    now = clock.now()
    later = list(takewhile(lambda one: one.started_at - now > LATEST, landing.newest_first()))
    if not later:
        return
    options = " ".join(f"--without-snapshot {one.snapshot_id}" for one in reversed(later))
    raise ClockError(
        f"The newest snapshot of '{landing.company}' is dated {_written(later[0].started_at)}, but the clock"
        f" of this machine says {_written(now)}: if the clock is wrong, set it; if the snapshot was taken"
        f" with a wrong clock, run `pipedrive-graph rebuild {options}`, then sync again."
    )


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
