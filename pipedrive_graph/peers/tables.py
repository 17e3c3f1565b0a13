"""Compares all users of a batch with their peers: writes history.peer_groups and history.peer_comparisons.

DuckDB collects the distinct combinations of a role and permissions, which are few; numpy compares them;
DuckDB writes the results for each user. The results do not depend on the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np

from pipedrive_graph.peers.compare import compare
from pipedrive_graph.peers.distance import NOBODY, Ints, Profiles
from pipedrive_graph.peers.scoring import Kind, Reason, score_grants
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.schema import RUN
from pipedrive_graph.warehouse.sql_project import Models

_REASONS = {
    Reason.HOLDS_NOTHING: "holds no permission",
    Reason.TOO_FEW: "too few colleagues to compare with",
    Reason.NOBODY_ALIKE: "no colleague holds nearly the same",
    Reason.CHANCE: "colleagues are alike no more than by chance",
}
_KINDS = {
    Kind.ROLE: "role",
    Kind.ROLE_TREE: "role tree",
    Kind.SIMILAR: "similar",
    Kind.MIXED: "mixed",
}

LOWEST = 0.0
"""The lowest score that is stored. The threshold in findings.toml cannot be lower; its default is higher."""

SHOWN = 10
"""How many colleagues the evidence names."""

_IN_BATCH = "company IN (SELECT company FROM landing.batch)"


def write_comparisons(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Compare the users of the companies in landing.batch."""
    _gather(connection, models)
    groups: list[tuple[Any, ...]] = []
    outliers: list[tuple[Any, ...]] = []
    shown: list[tuple[Any, ...]] = []
    for first, codes, profiles in _companies(connection):
        scores = score_grants(profiles)
        number = np.arange(len(scores.reason)) + first
        groups.append((number, scores.kind, scores.peers, scores.reason))
        grants = np.flatnonzero(scores.score >= LOWEST)
        of = compare(profiles, scores, grants)
        code = codes[of.permission]
        outliers.append((of.profile + first, code, of.score, of.peers, of.holders, of.role_peers, of.kind))
        row, rank = np.nonzero(of.shown != NOBODY)
        shown.append((of.profile[row] + first, code[row], rank, of.shown[row, rank] + first))
    _hand_over(connection, "compared_groups", groups)
    _hand_over(connection, "compared_grants", outliers)
    _hand_over(connection, "compared_with", shown)
    _write(connection, models)


def _gather(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Create the steps that collect the role and permissions of live users, and number the profiles."""
    steps.make(connection, models, "peers.compared_permissions")
    steps.execute(
        connection,
        "SET VARIABLE compared_permissions = (SELECT greatest(1, count(*)) FROM peers.compared_permissions)",
    )
    steps.make(connection, models, "peers.compared_users", "peers.peer_profiles")


def _companies(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, Ints, Profiles]]:
    """Per company: the number of its first profile, the permission code of each column, and the profiles."""
    arrays = steps.execute(
        connection,
        """
        SELECT dense_rank() OVER (ORDER BY company) AS company, role_id, parent_role_id, users, held
        FROM peers.peer_profiles
        ORDER BY profile""",
    ).fetchnumpy()
    number = len(arrays["users"])
    if not number:
        return
    letters = np.frombuffer("".join(arrays["held"]).encode("ascii"), dtype=np.uint8)
    held = letters.reshape(number, -1) == ord("1")
    users, role, parent = (
        np.asarray(arrays[name], dtype=np.int64) for name in ("users", "role_id", "parent_role_id")
    )
    starts = np.flatnonzero(np.diff(np.asarray(arrays["company"]), prepend=0))
    for start, end in zip(starts, [*starts[1:], number], strict=True):
        codes = np.flatnonzero(held[start:end].any(axis=0))
        own = slice(start, end)
        yield int(start), codes, Profiles(held[own][:, codes], users[own], role[own], parent[own])


def _hand_over(connection: duckdb.DuckDBPyConnection, name: str, parts: list[tuple[Any, ...]]) -> None:
    """Create a table of the schema `run` from columns that come in parts, one per company."""
    steps.hand_over(connection, name)
    if not parts:
        return
    joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    # a dictionary of arrays instead of a data frame: importing pandas is slow
    connection.register("compared_columns", dict(zip(RUN[name], joined, strict=True)))
    steps.execute(connection, f"INSERT INTO run.{name} BY NAME FROM compared_columns")
    connection.unregister("compared_columns")


def _write(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Write the results of each user's profile into the history."""
    names = [("kind", int(kind), name) for kind, name in _KINDS.items()]
    names += [("reason", int(reason), name) for reason, name in _REASONS.items()]
    steps.hand_over(connection, "peer_names", names)
    steps.make(connection, models, "peers.peer_groups", "peers.peer_comparisons")
    for table in ("peer_groups", "peer_comparisons"):
        connection.execute(f"DELETE FROM history.{table} WHERE {_IN_BATCH}")
        steps.execute(connection, f"INSERT INTO history.{table} BY NAME FROM peers.{table}")
