"""Reads who can see what: settings and pipelines of roles; the lists are pipelines and teams.

The pipelines of a role cost the most (20 tokens per role), so they rotate: each role has a weekday, and is
requested at the first run on or after it. A new role is requested at once. What a run does not request is
carried forward from earlier snapshots.

Nothing here decides whether a snapshot is accepted. Some plans and editions do not have a feature, and some
tokens may not use it: a 403, 404 or 410 is recorded in the coverage, proves nothing, and the run goes on.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from datetime import datetime

from pipedrive_graph.collect.call_log import CallLog
from pipedrive_graph.collect.plan import Ask
from pipedrive_graph.pipedrive.answers import NOT_OFFERED
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.ratelimit.costs import tokens

VISIBILITY_LISTS = (Endpoint.PIPELINES, Endpoint.TEAMS)
"""The lists that are read in addition."""

WEEK = 7
"""Days within which the pipelines of every role are requested."""


async def ask_visibility(
    call_log: CallLog, asked_at: Mapping[int, datetime], now: datetime, seed: bytes, ask: Ask
) -> None:
    """Request the settings of all listed roles, and the pipelines of the roles that are due.

    If the first two roles do not have the call for their pipelines, it is not offered, and no further role is
    requested. There are two because one role may have been deleted since it was listed.

    Args:
        call_log: holds the lists; `ask` records every answer in it.
        asked_at: when the pipelines of each role were last requested.
        now: the as-of time of this run.
        seed: the secret seed of the company.
        ask: makes calls concurrently.
    """
    roles = sorted(map(int, call_log.ids(Endpoint.ROLES)))
    settings = [Call(Endpoint.ROLE, id=str(role)) for role in roles]
    wanted = [pipelines(role) for role in due(roles, asked_at, now, seed)]
    call_log.optional.update(settings, wanted)
    await ask([*settings, *wanted[:1]])
    if wanted and call_log.outcomes[wanted[0]] in NOT_OFFERED:
        await ask(wanted[1:2])
    outcomes = {call_log.outcomes[call] for call in wanted[:2] if call in call_log.outcomes}
    if outcomes - NOT_OFFERED:
        await ask(call for call in wanted if call not in call_log.outcomes)


def tokens_per_night(roles: int) -> int:
    """Return what every run costs in addition: the settings of all roles, and the two lists."""
    return roles * tokens(Endpoint.ROLE) + sum(map(tokens, VISIBILITY_LISTS))


def tokens_of_rotation(roles: int) -> int:
    """Return what the pipelines of roles cost on average per day, rounded up."""
    return math.ceil(roles * tokens(Endpoint.ROLE_PIPELINES) / WEEK)


def pipelines(role: int) -> Call:
    """Return the call for the pipelines that a role does not see."""
    return Call(Endpoint.ROLE_PIPELINES, id=str(role))


def due(roles: list[int], asked_at: Mapping[int, datetime], now: datetime, seed: bytes) -> list[int]:
    """Return the roles whose pipelines are requested in a run.

    The days of the week are dealt to the roles in the order of their ids, so that they are spread evenly and
    a new role moves no other. A role is due if it was not requested since its last day; therefore a run that
    is skipped or fails is made up for by the next one.

    Args:
        roles: the listed roles, sorted.
        asked_at: when each role was last requested.
        now: the as-of time of the run.
        seed: the seed of the company, so that not all companies begin the week on the same day.
    """
    first = hmac.digest(seed, b"pipelines", "sha256")[0]
    today = now.date().toordinal()
    return [
        role
        for place, role in enumerate(roles)
        if role not in asked_at or asked_at[role].date().toordinal() < today - (today - first - place) % WEEK
    ]
