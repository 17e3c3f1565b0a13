"""Decides whether users are similar for a reason (such as a common job) or only by chance."""

from __future__ import annotations

import numpy as np

from pipedrive_graph.peers.distance import (
    DECAY,
    Bools,
    Floats,
    Profiles,
    blocks,
    colleagues,
    differences,
    role_differences,
    steps_to_nearest,
    weights_of,
)

FEWEST = 3
"""The minimum number of peers for any conclusion."""

CHANCE = 5.0
"""Users are similar for a reason if their similarity is this many standard deviations above chance. By
Cantelli's inequality, chance reaches that for fewer than one in 26 users, whatever the distribution."""

CONSENSUS = 0.8
"""If at least this share of the other members of a role hold exactly the same, that is reason enough."""


def structured(profiles: Profiles, alike: Floats) -> Bools:
    """Whether the users of each profile, or most of the users similar to them, are similar for a reason."""
    reason = _beyond_chance(profiles, alike) | _agreed(profiles)
    before = reason.astype(np.float64)
    for rows in blocks(np.flatnonzero(~reason), max(profiles.held.shape)):
        others = colleagues(profiles, rows)
        steps = differences(profiles, rows) + role_differences(profiles, rows)
        weights = others * weights_of(steps - steps_to_nearest(others, steps))
        reason[rows] = 2 * (weights @ before) >= weights.sum(axis=1)
    return reason


def _beyond_chance(profiles: Profiles, alike: Floats) -> Bools:
    """Whether colleagues are more similar than if each permission were granted at random, equally often.

    Under that hypothesis, the weight of all colleagues is a sum of independent terms, whose mean and variance
    are products over the permissions.
    """
    held, users = profiles.held, profiles.users
    others = max(int(users.sum()) - 1, 1)
    share = users @ held / users.sum()
    log_mean, log_square = (
        held @ np.log(share + (1 - share) * decay) + ~held @ np.log((1 - share) + share * decay)
        for decay in (DECAY, DECAY**2)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        mean = others * np.exp(log_mean - alike)
        variance = others * np.exp(log_square - 2 * alike) * -np.expm1(2 * log_mean - log_square)
        return np.asarray(mean + CHANCE * np.sqrt(np.maximum(variance, 0.0)) <= 1.0)


def _agreed(profiles: Profiles) -> Bools:
    """Whether nearly all other members of the role hold exactly the same: neither nothing nor everything."""
    held, users = profiles.held, profiles.users
    number = np.arange(len(users))
    order = np.lexsort((number, -users, profiles.role))
    starts = np.flatnonzero(np.diff(profiles.role[order], prepend=np.iinfo(np.int64).min))
    group = np.empty_like(number)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    usual = order[starts]
    members = np.bincount(group, users)[group] - 1
    alike = users[usual][group] - (usual[group] == number)
    size, all_held = held.sum(axis=1)[usual], held.any(axis=0).sum()
    says = (size > 0) & (size < all_held)
    return np.asarray((members >= FEWEST) & (alike >= CONSENSUS * members) & says[group])
