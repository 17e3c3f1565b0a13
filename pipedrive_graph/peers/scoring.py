"""Finds the grants that a user's peers do not have, in a matrix of users and permissions.

Everybody is thought of as one of the colleagues, copied with mistakes: a colleague counts as a peer with
a weight that falls tenfold with each permission that only one of the two holds, the one in question left
out, and with a role that is another. A grant's score weighs the peers who lack it against those who hold
it. A permission that many hold is more easily copied by mistake than one that nobody else has, and a
permission that more people hold beside the same others than mistakes explain is part of a job.

What somebody holds whose permissions are all among the user's may belong to a second job of the user's.

A user abstains where there are no peers to speak of: where nobody is alike, or where colleagues are alike
no more than they would be if each permission were given out by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pipedrive_graph.peers.distance import (
    DECAY,
    LOG_STEP,
    NOBODY,
    Floats,
    Ints,
    Profiles,
    blocks,
    colleagues,
    differences,
    next_role,
    role_steps,
    same_role,
    steps_to_nearest,
    weights_of,
)
from pipedrive_graph.peers.structure import FEWEST, structured

THRESHOLD = 0.5
"""The score from which a grant is an outlier: the same for every company."""

REACH = 4
"""A user's peers are those who are no more than so far beyond the nearest of them..."""

WIDE_REACH = 4
"""...and to have enough of them, those count who are so many times as far as the nearest, and more."""

ENOUGH, FROM_OTHERS = 10.0, 5.0
"""People of other roles fill a role's peers up to the first number, and weigh as the second at least."""

_MISTAKES = 0.01
"""The share of grants that are supposed to be mistakes; four times as many are believed at most."""

_STRAY = 0.01
"""The weight of a colleague who is not there, and holds the permission for a reason that we do not see."""

_ALONE = 1e-10
"""Who is so much lighter still has nobody alike: some ten permissions further away than is usual."""

_PART = 0.02
"""What a colleague weighs who holds it and nothing that the user does not, but two less at least."""

_SHARE = 0.03
"""The share of peers whose holding it tells nothing: a part of any team differs from the rest."""

_SOME, _SOME_SHARE = 2.0, 0.03
"""So many outliers of one user are believed, and so many for each permission that the user holds."""

_UNIFORM = 0.2
"""The part of the mistakes that hits any permission, however few hold it."""


class Kind(IntEnum):
    """Which roles more than half of a user's peers are in, counted in people."""

    ROLE = 0
    """The user's own."""
    ROLE_TREE = 1
    """Roles above, below or beside it."""
    SIMILAR = 2
    """Other roles, or none that is known."""
    MIXED = 3
    """None of these has more than half of the peers."""


class Reason(IntEnum):
    """Why a user abstains."""

    NONE = 0
    HOLDS_NOTHING = 1
    TOO_FEW = 2
    NOBODY_ALIKE = 3
    CHANCE = 4


@dataclass(frozen=True)
class Found:
    """What the analysis says.

    Attributes:
        profile: of each grant: whose it is...
        permission: ...and of what.
        score: of each grant; minus infinity where the profile abstains.
        reason: of each profile: why it abstains, a `Reason`.
        peers: of each profile: how many peers its users have.
        kind: of each profile: which roles more than half of them are in, a `Kind`.
    """

    profile: Ints
    permission: Ints
    score: Floats
    reason: Ints
    peers: Ints
    kind: Ints


@dataclass(frozen=True)
class _Sums:
    """Sums over the colleagues of each profile, whose weights are relative to that of the nearest.

    Attributes:
        log_unit: logarithm of the weight that the others are relative to.
        weight: of all colleagues.
        largest: of the profile that weighs most.
        alike: logarithm of the weight of all, had they no roles.
        peers: how many there are.
        wide: how many there are, more widely taken.
        kind: which roles more than half of the peers are in.
        holders: by grant: the weight of those who hold it too.
        parts: by grant: how many they are who hold it and others of the user's, but not all.
    """

    log_unit: Floats
    weight: Floats
    largest: Floats
    alike: Floats
    peers: Ints
    wide: Ints
    kind: Ints
    holders: Floats
    parts: Floats


def find(profiles: Profiles) -> Found:
    """Score every grant of every profile."""
    profile, permission = np.nonzero(profiles.held)
    if not len(profile):
        nothing = np.zeros(len(profiles.users), dtype=np.int64)
        reason, kind = nothing + Reason.HOLDS_NOTHING, nothing + Kind.SIMILAR
        return Found(profile, permission, np.zeros(0), reason, nothing, kind)
    sums = _summed(profiles, profile, permission)
    # A profile that is further from all others than is usual in this company has no peers.
    usual = min(_median(np.log(sums.largest) + sums.log_unit, profiles.users), 0.0)
    unit = np.exp(sums.log_unit - usual)
    reason = np.select(
        [
            ~profiles.held.any(axis=1),
            sums.wide < FEWEST,
            sums.weight * unit < _ALONE * _STRAY,
            ~structured(profiles, sums.alike),
        ],
        [Reason.HOLDS_NOTHING, Reason.TOO_FEW, Reason.NOBODY_ALIKE, Reason.CHANCE],
        Reason.NONE,
    ).astype(np.int64)
    score = np.full(len(profile), -np.inf)
    told = np.flatnonzero(reason[profile] == Reason.NONE)
    row, column = profile[told], permission[told]
    elsewhere = (_STRAY + _PART * sums.parts[told]) / unit[row]
    score[told] = _scored(
        sums.weight[row], sums.holders[told], elsewhere, unit[row], _copied(profiles)[column]
    )
    score -= _too_many(profile, score, profiles)[profile]
    # Of too few close peers nothing is made, however certain it looks; but it comes next.
    lone = (sums.peers[profile] < FEWEST) & (score >= THRESHOLD)
    score[lone] = THRESHOLD - 1 / (1 + score[lone] - THRESHOLD)
    peers = np.where(reason == Reason.HOLDS_NOTHING, 0, sums.peers)
    return Found(profile, permission, score, reason, peers, sums.kind)


def _scored(weight: Floats, holders: Floats, elsewhere: Floats, unit: Floats, copied: Floats) -> Floats:
    # Who lacks it differs by just that, which is left out.
    lacking = np.where(holders < (1 - 1e-12) * weight, weight - holders, 0.0) / DECAY
    with np.errstate(divide="ignore"):
        score = np.log(lacking * copied) - np.log(holders + elsewhere + _SHARE * weight)
    # The log-likelihood ratio of so many holders against as many as mistakes would make.
    expected = 4 * _MISTAKES * copied * lacking * unit + 0.5
    seen = np.maximum(holders * unit, expected)
    beyond = seen * np.log(seen / expected) - (seen - expected)
    return np.asarray(np.round(score - beyond, 6))


def _too_many(profile: Ints, score: Floats, profiles: Profiles) -> Floats:
    """How much is taken off each profile's scores: many outliers of one user are rather another job."""
    found = np.bincount(profile[score >= THRESHOLD], minlength=len(profiles.users))
    some = _SOME + _SOME_SHARE * profiles.held.sum(axis=1)
    found = np.maximum(found, some)
    return np.asarray(found * np.log(found / some) - (found - some))


def _copied(profiles: Profiles) -> Floats:
    """How often each permission is copied when somebody's grants are, in grants per user."""
    held, users = profiles.held, profiles.users
    size = held.sum(axis=1)
    share = (users / np.maximum(size, 1)) @ held / users.sum()
    copied = share * (users @ size) / users.sum()
    return np.asarray((1 - _UNIFORM) * copied + _UNIFORM * copied.mean())


def _summed(profiles: Profiles, profile: Ints, permission: Ints) -> _Sums:
    """Go through all pairs of profiles, some rows at a time."""
    held = profiles.held.astype(np.float64)  # what a few lack is told from what all hold
    size, number = profiles.held.sum(axis=1), len(held)
    starts = np.searchsorted(profile, np.arange(number + 1))
    log_unit, weight, largest, alike = np.zeros((4, number))
    peers, wide, kind = np.zeros((3, number), dtype=np.int64)
    holders, parts = np.zeros((2, len(profile)))
    for rows in blocks(np.arange(number), max(held.shape)):
        others, steps = colleagues(profiles, rows), differences(profiles, rows)
        missing = (steps + 2 * (size - size[rows, None])) // 2
        within_user = others * weights_of(missing) * (steps - missing > 2)
        nearest = steps_to_nearest(others, steps)
        weights = others * weights_of(steps - nearest)
        with np.errstate(divide="ignore"):
            alike[rows] = np.log(weights.sum(axis=1)) + nearest[:, 0] * LOG_STEP
        same, near = same_role(profiles, rows), next_role(profiles, rows)
        if not same.all():
            steps += role_steps(same, near)
            nearest = steps_to_nearest(others, steps)
            weights = others * weights_of(steps - nearest)
        wide[rows] = np.sum(others, axis=1, where=steps <= WIDE_REACH * (nearest + 2))
        within = others * (steps <= nearest + REACH)
        own = np.sum(within, axis=1, where=same)
        foreign = within.sum(axis=1) - own
        room = np.maximum(ENOUGH - own, FROM_OTHERS)
        scale = np.minimum(1.0, room / np.maximum(foreign, 1.0))
        weights = np.where(same, weights, weights * scale[:, None])
        log_unit[rows] = nearest[:, 0] * LOG_STEP
        weight[rows] = weights.sum(axis=1)
        largest[rows] = np.maximum(weights.max(axis=1), np.finfo(float).tiny)
        peers[rows] = own + foreign
        kind[rows] = kinds(profiles, rows, within)
        grants = slice(starts[rows[0]], starts[rows[-1] + 1])
        cells = profile[grants] - rows[0], permission[grants]
        holders[grants], parts[grants] = (weights @ held)[cells], (within_user @ held)[cells]
    return _Sums(log_unit, weight, largest, alike, peers, wide, kind, holders, parts)


def kinds(profiles: Profiles, rows: Ints, peers: Floats) -> Ints:
    """Which roles more than half of the peers are in, a `Kind`.

    Args:
        profiles: all of the company.
        rows: the profiles whose peers they are.
        peers: how many users of each profile are peers, by row.
    """
    role = profiles.role[rows, None]
    of_role = np.sum(peers, axis=1, where=(role == profiles.role) & (role != NOBODY))
    of_tree = np.sum(peers, axis=1, where=next_role(profiles, rows))
    total = peers.sum(axis=1)
    of_others = total - of_role - of_tree
    most = [2 * count > total for count in (of_role, of_tree, of_others)]
    return np.select(most, [Kind.ROLE, Kind.ROLE_TREE, Kind.SIMILAR], Kind.MIXED)


def _median(values: Floats, counts: Ints) -> float:
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(counts[order])
    return float(values[order][np.searchsorted(sums, sums[-1] / 2)])
