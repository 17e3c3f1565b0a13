"""Lists the colleagues that the holder of an outlier was compared with, as evidence for a reviewer."""

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
from pipedrive_graph.peers.scoring import REACH, Scores, kinds

SHOWN = 10
"""How many of the nearest profiles the evidence names at most."""


@dataclass(frozen=True)
class Comparisons:
    """One row per outlier: a profile and a permission. All users with the profile share the row.

    Attributes:
        profile: the profile that holds the permission.
        permission: the permission.
        score: the score of the outlier, from `Scores`.
        peers: how many colleagues were compared, who hold nearly the same apart from this permission.
        holders: how many of them hold the permission.
        role_peers: how many of them have the same role; 0 if the profile has no role.
        kind: which roles more than half of them are in, a `Kind`.
        shown: the nearest profiles, most similar first; padded with `NOBODY`.
    """

    profile: Ints
    permission: Ints
    score: Floats
    peers: Ints
    holders: Ints
    role_peers: Ints
    kind: Ints
    shown: Ints


def compare(profiles: Profiles, scores: Scores, grants: Ints) -> Comparisons:
    """Compare the holders of some scored grants with their peers, leaving the grant itself out."""
    profile, permission = scores.profile[grants], scores.permission[grants]
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
    return Comparisons(profile, permission, scores.score[grants], peers, holders, role_peers, kind, shown)
