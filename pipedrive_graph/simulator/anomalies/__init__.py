"""Plants anomalies into a clean company, and writes down every finding that follows from each.

One user, one story. A story changes an ordinary user, a role or a set, and lists what the rule catalogue
says about the result, to the letter; no rule is computed here from the company, so that a rule misread by
whoever implements it shows as a difference. Two stories are about the whole company and exclude each other.
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
"""Users below which the number of admins is left as it is."""

_ABOUT_ALL = ((), (privilege.single_admin,), (privilege.too_many_admins,))
"""What happens to the company as a whole: every third has it as it should be."""


def plant(company: Company, calendar: Calendar, rng: random.Random) -> None:
    """Plant each story's share of anomalies; a small company has some of them, as its seed decides.

    A third of those to whom something may happen are left for the nights to come.

    Args:
        company: a clean company; changed in place, `company.planted` is the truth.
        calendar: gives the dates.
        rng: the source of chance.
    """
    stage = Stage(company, calendar, rng, keep=len(company.cast) // 3)
    size = len(company.users)
    stories = [*accounts.STORIES, *structure.STORIES, *privilege.STORIES, *toxic.STORIES]
    rng.shuffle(stories)
    if size >= _SMALL:
        for story in _ABOUT_ALL[company.seed % 3]:
            with suppress(NoRoomError):
                story(stage)
    told = 0
    for number in range(max(1, round(size**0.5 / 9))):
        for variants in stories:
            if size >= 40 or told < size // 5:
                with suppress(NoRoomError):
                    variants[(company.seed + number) % len(variants)](stage)
                    told += 1
