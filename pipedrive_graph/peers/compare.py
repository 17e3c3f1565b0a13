"""With whom the holder of an outlier was compared: what a reviewer needs to agree or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipedrive_graph.peers.distance import (
    NOBODY,
    Floats,
    Ints,
    Profiles,
    blocks,
    colleagues,
    differences,
    role_differences,
    steps_to_nearest,
)
from pipedrive_graph.peers.scoring import REACH, Found, kinds

SHOWN = 10
"""Profiles that are named at most, the nearest first."""


@dataclass(frozen=True)
class Comparisons:
    """One row per outlier, of all users who have the same profile.

    Attributes:
        profile: whose it is.
        permission: what of.
        score: as found.
        peers: colleagues who were compared: alike but for this permission.
        holders: how many of them hold it.
        role_peers: how many of them are of the same role; 0 without one.
        kind: which roles more than half of them are in, a `Kind`.
        shown: the nearest profiles, first the most alike; `NOBODY` where there are no more.
    """

    profile: Ints
    permission: Ints
    score: Floats
    peers: Ints
    holders: Ints
    role_peers: Ints
    kind: Ints
    shown: Ints


def compare(profiles: Profiles, found: Found, grants: Ints) -> Comparisons:
    """Look closer at some of the grants that were scored."""
    profile, permission = found.profile[grants], found.permission[grants]
    peers, holders, role_peers, kind = np.zeros((4, len(grants)), dtype=np.int64)
    shown = np.full((len(grants), SHOWN), NOBODY)
    for some in blocks(np.arange(len(grants)), len(profiles.users)):
        rows, holds = profile[some], profiles.held[:, permission[some]].T
        others = colleagues(profiles, rows)
        steps = differences(profiles, rows) + role_differences(profiles, rows) - 2 * ~holds
        within = (steps <= steps_to_nearest(others, steps) + REACH) & (others > 0)
        peers[some] = np.sum(others, axis=1, where=within)
        holders[some] = np.sum(others, axis=1, where=within & holds)
        role = profiles.role[rows, None]
        of_role = (role == profiles.role) & (role != NOBODY)
        role_peers[some] = np.sum(others, axis=1, where=within & of_role)
        kind[some] = kinds(profiles, rows, np.where(within, others, 0.0))
        order = np.argsort(np.where(within, steps, np.iinfo(np.int64).max), axis=1, kind="stable")[:, :SHOWN]
        shown[some, : order.shape[1]] = np.where(np.take_along_axis(within, order, axis=1), order, NOBODY)
    return Comparisons(profile, permission, found.score[grants], peers, holders, role_peers, kind, shown)
