"""Measures the distance between users, by the permissions that only one of the two holds and by role.

Users with the same role and permissions share a profile, which is computed once. Distances are counted in
steps: a permission is two steps, a role at most two.
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
"""The value of an unknown or missing role, and padding in lists of profiles."""

DECAY = 0.1
"""The factor by which a colleague's weight falls per permission that only one of the two holds."""

NEXT_ROLE, OTHER_ROLE = 1, 2
"""Steps to a role above, below or beside, and to any other role. (A permission is two steps.)"""

_WEIGHTS = DECAY ** (np.arange(640) / 2)
LOG_STEP = float(np.log(DECAY) / 2)

_CELLS = 2_000_000
"""Cells of the largest matrix that is computed at once; limits the memory used for a large company."""


@dataclass(frozen=True)
class Profiles:
    """The distinct combinations of a role and permissions, and the number of users with each.

    Attributes:
        held: a matrix of profiles and permissions; unknown permissions count as held.
        users: how many users have the profile.
        role: the role of each profile, or `NOBODY`.
        parent: the parent of that role, or `NOBODY`.
    """

    held: Bools
    users: Ints
    role: Ints
    parent: Ints

    @cached_property
    def numbers(self) -> NDArray[np.float32]:
        """The matrix `held` as floats, for fast products; the sums are integers small enough to be exact."""
        return self.held.astype(np.float32)


def collapse(held: Bools, role: Ints | None = None, parent: Ints | None = None) -> tuple[Profiles, Ints]:
    """Group users with the same role and permissions into profiles.

    Args:
        held: a matrix of users and permissions.
        role: the role of each user, or `NOBODY`; by default, all roles are unknown.
        parent: the parent of that role, or `NOBODY`.

    Returns:
        The profiles, in an order that does not depend on the order of the users, and each user's profile.
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
    """The weights of colleagues at these distances."""
    return _WEIGHTS[np.clip(steps, 0, len(_WEIGHTS) - 1)]


def differences(profiles: Profiles, rows: Ints) -> Ints:
    """Distances of some profiles from all: two steps per permission that only one of the two holds."""
    held = profiles.numbers
    size = held.sum(axis=1)
    apart = 2 * (size[rows, None] + size) - 4 * (held[rows] @ held.T)
    return np.asarray(apart, dtype=np.int64)


def colleagues(profiles: Profiles, rows: Ints) -> Floats:
    """The number of colleagues of each profile, for a user of each of some profiles: the user is excluded."""
    others = np.tile(profiles.users.astype(np.float64), (len(rows), 1))
    others[np.arange(len(rows)), rows] -= 1
    return others


def role_differences(profiles: Profiles, rows: Ints) -> Ints:
    """Distances of the roles of some profiles from those of all profiles, in steps."""
    return role_steps(same_role(profiles, rows), next_role(profiles, rows))


def role_steps(same: Bools, near: Bools) -> Ints:
    """The distance of two roles: the same, next to each other, or neither."""
    return OTHER_ROLE - OTHER_ROLE * same - (OTHER_ROLE - NEXT_ROLE) * near


def same_role(profiles: Profiles, rows: Ints) -> Bools:
    """Whether two roles are the same; an unknown role equals any role."""
    role = profiles.role[rows, None]
    return np.asarray((role == profiles.role) | (role == NOBODY) | (profiles.role == NOBODY))


def next_role(profiles: Profiles, rows: Ints) -> Bools:
    """Whether a role is directly above, below or beside another."""
    role, parent = profiles.role[rows, None], profiles.parent[rows, None]
    beside = (parent == profiles.parent) & (parent != NOBODY)
    next_to = (parent == profiles.role) | (role == profiles.parent) | beside
    return np.asarray(next_to & ~same_role(profiles, rows))


def steps_to_nearest(others: Floats, steps: Ints) -> Ints:
    """The distance to the nearest colleague of each profile; 0 without colleagues."""
    far = np.iinfo(np.int64).max
    nearest = np.min(steps, axis=1, keepdims=True, where=others > 0, initial=far)
    return np.where(nearest == far, 0, nearest)


def blocks(rows: Ints, width: int) -> Iterator[Ints]:
    """Split rows into blocks, so that a matrix of a block and `width` columns stays small."""
    step = max(1, _CELLS // max(width, 1))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
