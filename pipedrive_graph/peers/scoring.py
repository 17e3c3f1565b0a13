"""Scores each grant: how unusual it is among the user's peers.

The model: the permissions of a user are a copy of a colleague's permissions, with mistakes. A colleague
counts as a peer with a weight that falls tenfold per permission that only one of the two holds (the scored
permission excluded), and falls with a different role. The score of a grant compares the weight of the peers
who lack it with the weight of those who hold it. Two corrections apply: a common permission is copied by
mistake more easily than a rare one, and a permission that more peers hold than mistakes explain is part of a
job.

Colleagues whose permissions are all held by the user may show a second job of the user, so a permission that
they hold scores lower.

A user abstains (gets no scores) if it has too few peers, if no colleague is similar, or if colleagues
are as similar as if each permission were granted at random.
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
"""A grant with at least this score is an outlier. The value is the same for all companies."""

REACH = 4
"""Colleagues are peers if they are at most this many steps further away than the nearest colleague."""

WIDE_REACH = 4
"""To decide whether a user has enough peers, colleagues count up to this factor times the nearest distance
plus two steps."""

ENOUGH, FROM_OTHERS = 10.0, 5.0
"""Peers of other roles supplement those of the user's role up to the first weight; they weigh at least as
much as the second."""

_MISTAKES = 0.01
"""The assumed share of grants that are mistakes; up to four times as many are tolerated."""

_STRAY = 0.01
"""The weight of an imaginary colleague who holds the permission for a reason that the data does not show."""

_ALONE = 1e-10
"""A user whose peers weigh less than this, relative to `_STRAY`, has no similar colleague: they are some ten
permissions further away than usual."""

_PART = 0.02
"""The weight of a colleague who holds the permission, and whose permissions are a part of the user's that
lacks at least two."""

_SHARE = 0.03
"""The share of peers that may hold the permission without evidence: some members of any team differ."""

_SOME, _SOME_SHARE = 2.0, 0.03
"""The number of outliers that is plausible for one user: a minimum, and a number per held permission."""

_UNIFORM = 0.2
"""The share of mistakes that hits all permissions alike, no matter how many users hold them."""


class Kind(IntEnum):
    """Which roles more than half of a user's peers are in. Every peer counts the same."""

    ROLE = 0
    """The user's own role."""
    ROLE_TREE = 1
    """Roles above, below or beside it."""
    SIMILAR = 2
    """Other roles, or an unknown role."""
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
class Scores:
    """The result of the analysis.

    Attributes:
        profile: per grant, the profile that holds the permission.
        permission: per grant, the permission.
        score: per grant, its score; minus infinity if the profile abstains.
        reason: per profile, why it abstains, a `Reason`.
        peers: per profile, how many peers a user with it has.
        kind: per profile, which roles more than half of the peers are in, a `Kind`.
    """

    profile: Ints
    permission: Ints
    score: Floats
    reason: Ints
    peers: Ints
    kind: Ints


@dataclass(frozen=True)
class _Sums:
    """Sums over the colleagues of each profile. Weights are relative to the weight of the nearest colleague.

    Attributes:
        log_unit: logarithm of the weight of the nearest colleague, the unit of the other weights.
        weight: the weight of all colleagues.
        largest: the largest weight of a single profile.
        alike: logarithm of the weight of all colleagues if roles are ignored.
        peers: how many peers there are, within `REACH`.
        wide: how many colleagues there are within `WIDE_REACH`.
        kind: which roles more than half of the peers are in.
        holders: per grant, the weight of the colleagues who hold the permission too.
        parts: per grant, the weight of holders whose permissions are a part of the user's (see `_PART`).
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


def score_grants(profiles: Profiles) -> Scores:
    """Score every grant of every profile."""
    profile, permission = np.nonzero(profiles.held)
    if not len(profile):
        nothing = np.zeros(len(profiles.users), dtype=np.int64)
        reason, kind = nothing + Reason.HOLDS_NOTHING, nothing + Kind.SIMILAR
        return Scores(profile, permission, np.zeros(0), reason, nothing, kind)
    sums = _summed(profiles, profile, permission)
    # A profile that is much further from all others than usual in this company has no peers.
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
    scored = np.flatnonzero(reason[profile] == Reason.NONE)
    row, column = profile[scored], permission[scored]
    elsewhere = (_STRAY + _PART * sums.parts[scored]) / unit[row]
    score[scored] = _scored(
        sums.weight[row], sums.holders[scored], elsewhere, unit[row], _copied(profiles)[column]
    )
    score -= _too_many(profile, score, profiles)[profile]
    # With too few close peers, a grant is never an outlier: its score ends up just below the threshold.
    lone = (sums.peers[profile] < FEWEST) & (score >= THRESHOLD)
    score[lone] = THRESHOLD - 1 / (1 + score[lone] - THRESHOLD)
    peers = np.where(reason == Reason.HOLDS_NOTHING, 0, sums.peers)
    return Scores(profile, permission, score, reason, peers, sums.kind)


def _scored(weight: Floats, holders: Floats, elsewhere: Floats, unit: Floats, copied: Floats) -> Floats:
    # A colleague who lacks the permission differs by it; the scored permission must not count, so undo that.
    lacking = np.where(holders < (1 - 1e-12) * weight, weight - holders, 0.0) / DECAY
    with np.errstate(divide="ignore"):
        score = np.log(lacking * copied) - np.log(holders + elsewhere + _SHARE * weight)
    # The log-likelihood ratio: the actual number of holders against the number that mistakes would explain.
    expected = 4 * _MISTAKES * copied * lacking * unit + 0.5
    seen = np.maximum(holders * unit, expected)
    beyond = seen * np.log(seen / expected) - (seen - expected)
    return np.asarray(np.round(score - beyond, 6))


def _too_many(profile: Ints, score: Floats, profiles: Profiles) -> Floats:
    """The penalty of each profile's scores: a user with many outliers rather has another job."""
    outliers = np.bincount(profile[score >= THRESHOLD], minlength=len(profiles.users))
    plausible = _SOME + _SOME_SHARE * profiles.held.sum(axis=1)
    outliers = np.maximum(outliers, plausible)
    return np.asarray(outliers * np.log(outliers / plausible) - (outliers - plausible))


def _copied(profiles: Profiles) -> Floats:
    """How often a mistake that copies a random grant of a random user hits each permission, per user."""
    held, users = profiles.held, profiles.users
    size = held.sum(axis=1)
    share = (users / np.maximum(size, 1)) @ held / users.sum()
    copied = share * (users @ size) / users.sum()
    return np.asarray((1 - _UNIFORM) * copied + _UNIFORM * copied.mean())


def _summed(profiles: Profiles, profile: Ints, permission: Ints) -> _Sums:
    """Compute the sums over all pairs of profiles, block by block."""
    # double precision, so that a permission that only a few lack is not rounded to one that all hold
    held = profiles.held.astype(np.float64)
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
    """Which roles more than half of the peers are in, a `Kind` per row.

    Args:
        profiles: all profiles of the company.
        rows: the profiles of the users whose peers are counted.
        peers: per row, how many users of each profile are peers.
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
