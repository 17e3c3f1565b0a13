"""Plants anomalies into a clean company, and records the findings that each must cause.

An anomaly is a story: a function that changes an ordinary user, a role or a permission set, and records the
expected findings, according to the descriptions of the rules. No rule is evaluated here, so a rule that is
implemented wrongly shows as a difference. A user is in at most one story. Two stories are about the whole
company and exclude each other.
"""

from __future__ import annotations

import random
from contextlib import suppress

from pipedrive_graph.simulator.anomalies import accounts, privilege, structure, toxic
from pipedrive_graph.simulator.anomalies.cast import choose_cast, sensitive, spare
from pipedrive_graph.simulator.anomalies.severities import EVENTS, ROSTER, SEVERITIES, STANDING
from pipedrive_graph.simulator.anomalies.stage import NoRoomError, Stage
from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import Company

__all__ = ["EVENTS", "ROSTER", "SEVERITIES", "STANDING", "choose_cast", "plant", "sensitive", "spare"]

_SMALL = 12
"""Companies with fewer users keep their number of admins."""

_ABOUT_ALL = ((), (privilege.single_admin,), (privilege.too_many_admins,))
"""The stories about the whole company, by seed % 3; every third company has none."""


def plant(company: Company, calendar: Calendar, rng: random.Random) -> None:
    """Plant anomalies of each kind; a small company gets some of them, depending on its seed.

    A third of the cast is kept for events in later runs.

    Args:
        company: a clean company; changed in place. `company.planted` gets the expected findings.
        calendar: provides dates.
        rng: the random generator.
    """
    stage = Stage(company, calendar, rng, keep=len(company.cast) // 3)
    size = len(company.users)
    stories = [*accounts.STORIES, *structure.STORIES, *privilege.STORIES, *toxic.STORIES]
    rng.shuffle(stories)
    if size >= _SMALL:
        for story in _ABOUT_ALL[company.seed % 3]:
            with suppress(NoRoomError):
                story(stage)
    planted = 0
    for number in range(max(1, round(size**0.5 / 9))):
        for variants in stories:
            if size >= 40 or planted < size // 5:
                with suppress(NoRoomError):
                    variants[(company.seed + number) % len(variants)](stage)
                    planted += 1
