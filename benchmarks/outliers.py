"""Measures how well permission_outlier finds grants that were copied from a random colleague; prints a table.

The input is a matrix of users and permissions, as one pair per line. As many grants as 1 % of its grants,
at least 10, are injected: each copies one grant of a uniformly chosen colleague to a uniformly chosen user.
If the user already has it, all three are drawn again. Then every grant is scored; grants of users for whom
the detector abstains come last. It is compared with two simple detectors: the share of the 10 most similar
users (Jaccard) who lack the permission, and the rarity of the permission in the company. On random
matrices, in which no grant follows from the others, the detector must abstain.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipedrive_graph.peers import distance, scoring

Matrix = NDArray[np.bool_]
Scores = NDArray[np.float64]

COLUMNS = {"matrix": 10, "detector": 18, "AP": 5, "precision": 9, "recall": 6, "abstained": 9}
"""Columns of the table with their widths, so that no number is cut off."""

SEEDS = range(10)
RATE = 0.01
LEAST = 10
NEIGHBOURS = 10
BARS = {"precision": 0.7, "recall": 0.5, "abstained": 0.95}
"""Required results at the shipped threshold, and on a random matrix."""
RANDOM = ((500, 56, 0.15), (500, 56, 0.5), (2000, 40, 0.05), (100, 500, 0.1))
"""Users, permissions, and the share of possible grants that exist."""
_ROWS = 500
"""Number of users whose similarities are in memory at the same time."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of a detector on one matrix.

    Attributes:
        precision_on_average: average precision (AP) of the ranking of all grants.
        precision: precision at the shipped threshold; NaN if the detector has none.
        recall: recall at the shipped threshold; NaN if the detector has none.
        abstained: the share of users for whom the detector abstains.
    """

    precision_on_average: float
    precision: float
    recall: float
    abstained: float


def read(path: Path) -> Matrix:
    """Read "user permission" pairs, one per line."""
    lines = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
    pairs = [line.split()[:2] for line in lines if line.strip() and not line.startswith("#")]
    users, user = np.unique([user for user, _ in pairs], return_inverse=True)
    permissions, permission = np.unique([permission for _, permission in pairs], return_inverse=True)
    held = np.zeros((len(users), len(permissions)), dtype=bool)
    held[user, permission] = True
    return held


def inject(held: Matrix, seed: int) -> tuple[Matrix, Matrix]:
    """Copy random grants of random colleagues to random users.

    Returns:
        The matrix with the copied grants, and a matrix of the copied grants only.
    """
    chance = np.random.default_rng(seed)
    copied = np.zeros_like(held)
    wanted = max(LEAST, round(RATE * held.sum()))
    while copied.sum() < min(wanted, np.sum(~held)):
        colleague, user = chance.integers(len(held), size=2)
        grants = np.flatnonzero(held[colleague])
        if len(grants):
            permission = chance.choice(grants)
            copied[user, permission] = not held[user, permission]
    return held | copied, copied


def average_precision(scores: Scores, wanted: NDArray[np.bool_]) -> float:
    """The mean of the precision at each wanted grant, from the highest score down; ties count together."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(wanted[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    return float(np.sum(np.diff(hits[last], prepend=0) * hits[last] / (last + 1)) / hits[-1])


def by_peers(held: Matrix) -> tuple[Scores, float]:
    """Score each grant as the product does; also returns the share of users for whom it abstains."""
    profiles, profile = distance.collapse(held)
    found = scoring.score_grants(profiles)
    scores = np.full(profiles.held.shape, -np.inf)
    scores[found.profile, found.permission] = found.score
    return scores[profile], float(np.mean(found.reason[profile] != scoring.Reason.NONE))


def by_neighbours(held: Matrix) -> tuple[Scores, float]:
    """The share of the 10 most similar users who lack the permission."""
    size, numbers = held.sum(axis=1), held.astype(np.float32)
    scores = np.zeros(held.shape)
    for start in range(0, len(held), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(held)))
        common = numbers[rows] @ numbers.T
        similarity = common / np.maximum(size[rows, None] + size - common, 1)
        similarity[np.arange(len(rows)), rows] = -1
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]
        scores[rows] = 1 - numbers[nearest].mean(axis=1)
    return scores, 0.0


def by_rarity(held: Matrix) -> tuple[Scores, float]:
    """The share of the users of the company who lack the permission."""
    return np.broadcast_to(1 - held.mean(axis=0), held.shape), 0.0


DETECTORS: dict[str, tuple[Callable[[Matrix], tuple[Scores, float]], float | None]] = {
    "permission_outlier": (by_peers, scoring.THRESHOLD),
    "10 nearest": (by_neighbours, None),
    "rarity": (by_rarity, None),
}
"""The detectors, each with its threshold if it has one."""


def measure(held: Matrix, detector: str, seeds: Sequence[int] = SEEDS) -> Measured:
    """Inject grants once per seed; returns the means over the seeds."""
    score, threshold = DETECTORS[detector]
    rows = []
    for seed in seeds:
        spoilt, copied = inject(held, seed)
        scores, abstained = score(spoilt)
        scores, wanted = scores[spoilt], copied[spoilt]
        precision = recall = np.nan
        if threshold is not None:
            found = scores >= threshold
            precision = wanted[found].mean() if found.any() else 1.0
            recall = found[wanted].mean()
        rows.append((average_precision(scores, wanted), precision, recall, abstained))
    return Measured(*map(float, np.mean(rows, axis=0)))


def abstained(users: int, permissions: int, density: float, seeds: Sequence[int] = SEEDS) -> float:
    """The share of users for whom the detector abstains on matrices of random grants."""
    matrices = (np.random.default_rng(seed).random((users, permissions)) < density for seed in seeds)
    return float(np.mean([by_peers(matrix)[1] for matrix in matrices]))


def _row(name: str, detector: str, got: Measured) -> Iterator[str]:
    yield from (name, detector)
    for value in (got.precision_on_average, got.precision, got.recall):
        yield "" if np.isnan(value) else f"{value:.3f}"
    yield f"{got.abstained:.1%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outliers", description=__doc__)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", type=Path, help="user and permission, one pair per line"
    )
    arguments = parser.parse_args()
    table = Table(box=SIMPLE_HEAD, title="Grants copied from a random colleague")
    for head, width in COLUMNS.items():
        table.add_column(head, min_width=width, overflow="fold")
    missed = 0
    runs = [(file, name) for file in arguments.files for name in DETECTORS]
    for file, name in track(runs, "Measuring", disable=not runs):
        got = measure(read(file), name)
        poor = got.precision < BARS["precision"] or got.recall < BARS["recall"]
        missed += poor
        table.add_row(*_row(file.stem, name, got), style="red" if poor else None)
    for users, permissions, density in track(RANDOM, "Random matrices"):
        share = abstained(users, permissions, density)
        poor = share < BARS["abstained"]
        missed += poor
        name = f"random {users}x{permissions} {density:.0%}"
        row = _row(name, "permission_outlier", Measured(np.nan, np.nan, np.nan, share))
        table.add_row(*row, style="red" if poor else None)
    console = Console()
    console.print(table)
    console.print(
        f"Means of {len(SEEDS)} seeds; {missed} below the bar: precision {BARS['precision']} and recall"
        f" {BARS['recall']} at the shipped threshold, {BARS['abstained']:.0%} abstained on random matrices."
    )


if __name__ == "__main__":
    main()
