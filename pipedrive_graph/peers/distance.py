"""How far users are from each other: by the permissions that only one of the two holds, and by role.

Users who have the same role and permissions are one profile, and are looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOBODY = -1
"""Stands for a role that is not known, or is not there."""

DECAY = 0.1
"""The weight of a colleague for each permission that only one of the two holds."""

NEXT_ROLE, OTHER_ROLE = 1, 2
"""How far apart a role above, below or beside is, and any other one; a permission that differs is two."""

_WEIGHTS = DECAY ** (np.arange(640) / 2)
LOG_STEP = float(np.log(DECAY) / 2)

_CELLS = 2_000_000
"""Cells of the largest matrix that is made at a time: what bounds the memory of a large company."""


@dataclass(frozen=True)
class Profiles:
    """The different combinations of a role and permissions, and how many users have each.

    Attributes:
        held: profiles by permissions; what is not known counts as held.
        users: how many users have the profile.
        role: each profile's role, or `NOBODY`.
        parent: the role above that, or `NOBODY`.
    """

    held: Bools
    users: Ints
    role: Ints
    parent: Ints

    @cached_property
    def numbers(self) -> NDArray[np.float32]:
        """What is held as numbers to multiply: whole ones of any size that there is are exact."""
        return self.held.astype(np.float32)


def collapse(held: Bools, role: Ints | None = None, parent: Ints | None = None) -> tuple[Profiles, Ints]:
    """Put users together who have the same role and permissions.

    Args:
        held: users by permissions.
        role: each user's role, or `NOBODY`; without it, no role is known.
        parent: the role above that, or `NOBODY`.

    Returns:
        The profiles, in an order that does not depend on that of the users, and each user's profile.
    """
    nobody = np.full(len(held), NOBODY)
    role = nobody if role is None else role
    parent = nobody if parent is None else parent
    roles = np.stack([role, parent], axis=1).astype(">i8").view(np.uint8)
    rows = np.hstack([roles, np.packbits(held, axis=1)])
    _, first, profile, users = np.unique(
        rows, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    profiles = Profiles(held[first], users.astype(np.int64), role[first], parent[first])
    return profiles, profile.ravel().astype(np.int64)


def weights_of(steps: Ints) -> Floats:
    """What colleagues weigh who are so far apart."""
    return _WEIGHTS[np.clip(steps, 0, len(_WEIGHTS) - 1)]


def differences(profiles: Profiles, rows: Ints) -> Ints:
    """How far some profiles are from all: two steps for each permission that only one of the two holds."""
    held = profiles.numbers
    size = held.sum(axis=1)
    apart = 2 * (size[rows, None] + size) - 4 * (held[rows] @ held.T)
    return np.asarray(apart, dtype=np.int64)


def colleagues(profiles: Profiles, rows: Ints) -> Floats:
    """How many of each profile are colleagues of a user of some profiles: all but the user's own self."""
    others = np.tile(profiles.users.astype(np.float64), (len(rows), 1))
    others[np.arange(len(rows)), rows] -= 1
    return others


def role_differences(profiles: Profiles, rows: Ints) -> Ints:
    """How far the roles of some profiles are from those of all, in the same steps."""
    return role_steps(same_role(profiles, rows), next_role(profiles, rows))


def role_steps(same: Bools, near: Bools) -> Ints:
    """How far roles are from each other that are the same, next to each other, or neither."""
    return OTHER_ROLE - OTHER_ROLE * same - (OTHER_ROLE - NEXT_ROLE) * near


def same_role(profiles: Profiles, rows: Ints) -> Bools:
    """Which roles are the same; one that is not known is like any."""
    role = profiles.role[rows, None]
    return np.asarray((role == profiles.role) | (role == NOBODY) | (profiles.role == NOBODY))


def next_role(profiles: Profiles, rows: Ints) -> Bools:
    """Which roles are above, below or beside another."""
    role, parent = profiles.role[rows, None], profiles.parent[rows, None]
    beside = (parent == profiles.parent) & (parent != NOBODY)
    next_to = (parent == profiles.role) | (role == profiles.parent) | beside
    return np.asarray(next_to & ~same_role(profiles, rows))


def steps_to_nearest(others: Floats, steps: Ints) -> Ints:
    """How far the nearest colleague of each profile is."""
    far = np.iinfo(np.int64).max
    nearest = np.min(steps, axis=1, keepdims=True, where=others > 0, initial=far)
    return np.where(nearest == far, 0, nearest)


def blocks(rows: Ints, width: int) -> Iterator[Ints]:
    """Some rows at a time, so few that a matrix of them stays small."""
    step = max(1, _CELLS // max(width, 1))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
