"""Changes a company between two runs: ordinary changes, and the events that rules report."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

from pipedrive_graph.simulator.anomalies import events, visibility
from pipedrive_graph.simulator.anomalies.stage import NoRoomError, Stage
from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import DEFAULT_ROLE, ZERO_DATE, Company

WEEK = 8.0
"""Days that pass by default: enough for findings that need a week of history."""

_NEW = 14
"""Age in days up to which a user who never logged in is expected to log in."""

_RESTS = 90
"""Days without a login after which a user is not expected to log in again."""


def live_on(company: Company, days: float = WEEK, *, clean: bool = False) -> None:
    """Let days pass and change the company; afterwards, `company.planted` is the truth of the new run.

    Users log in, accept invitations, join, leave and move, and no rule fires for that. Unless `clean`, events
    happen that the rules report: as many as change under a tenth of all grants or, in every fourth company,
    more than that.

    Args:
        company: changed in place.
        days: how many days pass; with 7 or more, findings that need a week of history appear.
        clean: let nothing happen that a rule reports.
    """
    # Reproducible on purpose; not used for secrets.
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
        visibility.widen(company)
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
            # this story grants the flags that the mass change revokes
            if not (mass and story is events.more_and_more):
                with suppress(NoRoomError):
                    story(stage)
    # the last story, because it depends on the roles of all users
    with suppress(NoRoomError):
        events.moved_with_all(stage)
    if mass:
        events.mass_change(stage)


def _log_in(stage: Stage, days: float) -> None:
    """Let active users log in; invited and new users log in for the first time."""
    for user in stage.company.users.values():
        if user.active and user.created is None:
            user.created = stage.calendar.ago(0.5, 4)
            user.last_login = user.modified = stage.calendar.ago(0.01, 0.4)
        elif user.active and user.created is not None:
            age = stage.calendar.days_since(user.created)
            login = user.last_login or ZERO_DATE
            logs_in = age < days + _NEW if login == ZERO_DATE else stage.calendar.days_since(login) < _RESTS
            if logs_in:
                user.last_login = user.modified = stage.calendar.ago(0.01, min(age, 4))


def _hire(stage: Stage) -> None:
    """A new user joins, with the access of a colleague."""
    like = stage.person(changes=10)
    stage.company.cast.append(like.id)
    events.hire(stage, like)


def _move(stage: Stage) -> None:
    """A user moves to a team most of whose members have the same sets as the user."""
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
    """A user leaves, keeps no access, and hands over the teams."""
    company, user = stage.company, stage.person(changes=10)
    user.access = []
    company.deactivate(user.id)
    company.move(user.id, DEFAULT_ROLE)
    successor = next(other.id for other in company.users.values() if other.active and not other.deleted)
    for team in company.teams.values():
        if team.manager_id == user.id:
            team.manager_id = successor
