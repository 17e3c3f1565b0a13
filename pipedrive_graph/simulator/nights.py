"""Lets a company live on between two nights: ordinary life, and the events that a truth speaks of."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

from pipedrive_graph.simulator.anomalies import events
from pipedrive_graph.simulator.anomalies.stage import NoRoomError, Stage
from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import DEFAULT_ROLE, ZERO_DATE, Company, User

WEEK = 8.0
"""Days that pass unless told otherwise: enough for what takes a week of history."""

_NEW = 14
"""Days for which somebody who never logged in is expected to."""

_RESTS = 90
"""Days without a login after which nobody is expected to come back."""


def live_on(company: Company, days: float = WEEK, *, clean: bool = False) -> None:
    """Let days pass, and things happen; `company.planted` is the truth of the new night.

    People log in, accept invitations, are hired, leave and move, all of which no rule objects to. Then,
    unless it is to be clean, happens what the rules about events are there for, as much of it as fits
    into a night on which under a tenth of all grants change; or, in every fourth company, more than that.

    Args:
        company: changed in place.
        days: how many days pass; from 7 on they bring what takes a week of history.
        clean: nothing happens that a rule objects to.
    """
    # Chance that can be repeated is the point here; nothing secret hangs on it.
    rng = random.Random(f"{len(company.users)}:{company.seed}:{company.last_assignment}")  # noqa: S311
    company.now += timedelta(days=days)
    calendar = Calendar(company.now, rng)
    grants = sum(sum(company.permissions(user_id).values()) for user_id in company.users)
    stage = Stage(company, calendar, rng, changes=max(44, grants * 8 // 100))
    if days >= 7:
        company.planted += company.later
        company.later.clear()
    if not clean:
        _happen(stage)
    _log_in(stage, days)
    for ordinary in (_hire, _move, _leave):
        with suppress(NoRoomError):
            ordinary(stage)


def _happen(stage: Stage) -> None:
    company, size = stage.company, len(stage.company.users)
    mass = company.seed % 4 == 3 and size >= 40
    stories = [*events.STORIES]
    stage.rng.shuffle(stories)
    for number in range(max(1, round(size**0.5 / 9))):
        for variants in stories:
            story = variants[(company.seed + number) % len(variants)]
            # what the mass change takes away, this gives
            if not (mass and story is events.more_and_more):
                with suppress(NoRoomError):
                    story(stage)
    # the last one, for it depends on who is where
    with suppress(NoRoomError):
        events.moved_with_all(stage)
    if mass:
        events.mass_change(stage)


def _log_in(stage: Stage, days: float) -> None:
    """Whoever still comes logs in; who was invited or was new comes for the first time."""
    for user in stage.company.users.values():
        if user.active and user.created is None:
            user.created = stage.calendar.ago(0.5, 4)
            user.last_login = user.modified = stage.calendar.ago(0.01, 0.4)
        elif user.active and user.created is not None:
            age = stage.calendar.days_since(user.created)
            login = user.last_login or ZERO_DATE
            comes = age < days + _NEW if login == ZERO_DATE else stage.calendar.days_since(login) < _RESTS
            if comes:
                user.last_login = user.modified = stage.calendar.ago(0.01, min(age, 4))


def _hire(stage: Stage) -> None:
    """Somebody new is hired, and gets what a colleague has."""
    like = stage.person(changes=10)
    stage.company.cast.append(like.id)
    events.hire(stage, like)


def _move(stage: Stage) -> None:
    """Somebody changes to a team whose members all have the same sets."""
    company = stage.company
    user = stage.person()
    for role in company.roles.values():
        members = stage.members(role.id)
        if role.id not in (DEFAULT_ROLE, user.role_id) and members and role.active and stage.rooted(role):
            alike = [member for member in members if member.access == user.access]
            if len(alike) * 4 >= len(members) * 3:
                company.move(user.id, role.id)
                return


def _leave(stage: Stage) -> None:
    """Somebody leaves, and nothing is left with them."""
    user: User = stage.person(changes=10)
    user.access = []
    stage.company.deactivate(user.id)
    stage.company.move(user.id, DEFAULT_ROLE)
