"""Compares all users with their peers, each night: history.peer_groups and history.peer_comparisons.

DuckDB gathers the different combinations of a role and permissions, of which there are few; numpy compares
those; DuckDB writes down what that means for whom. Nothing of it depends on the order of any rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import numpy as np

from pipedrive_graph.findings.peers.compare import compare
from pipedrive_graph.findings.peers.distance import NOBODY, Ints, Profiles
from pipedrive_graph.findings.peers.model import Kind, Reason, find
from pipedrive_graph.warehouse.database import rows

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

READS = frozenset({"main.role_tree", "main.roles", "main.user_permissions", "main.user_roles", "main.users"})
WRITES = frozenset({"history.peer_groups", "history.peer_comparisons"})
"""The tables that are compared, and what comes of it."""

LOWEST = 0.0
"""Scores from here are kept: findings.toml can ask for as little, and ships with more."""

SHOWN = 10
"""Colleagues whom the evidence names."""

_TABLES = {
    "compared_groups": {"profile": "BIGINT", "kind": "TINYINT", "peers": "BIGINT", "reason": "TINYINT"},
    "compared_grants": {
        "profile": "BIGINT", "code": "INTEGER", "score": "DOUBLE", "peers": "BIGINT", "holders": "BIGINT",
        "role_peers": "BIGINT", "kind": "TINYINT",
    },
    "compared_with": {"profile": "BIGINT", "code": "INTEGER", "rank": "INTEGER", "other": "BIGINT"},
}  # fmt: skip

_TONIGHT = "company IN (SELECT company FROM landing.batch)"


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """Compare the users of the companies in landing.batch."""
    _gather(connection)
    groups: list[tuple[Any, ...]] = []
    outliers: list[tuple[Any, ...]] = []
    shown: list[tuple[Any, ...]] = []
    for first, codes, profiles in _companies(connection):
        found = find(profiles)
        number = np.arange(len(found.reason)) + first
        groups.append((number, found.kind, found.peers, found.reason))
        told = np.flatnonzero(found.score >= LOWEST)
        of = compare(profiles, found, told)
        code = codes[of.permission]
        outliers.append((of.profile + first, code, of.score, of.peers, of.holders, of.role_peers, of.kind))
        one, rank = np.nonzero(of.shown != NOBODY)
        shown.append((of.profile[one] + first, code[one], rank, of.shown[one, rank] + first))
    _load(connection, "compared_groups", groups)
    _load(connection, "compared_grants", outliers)
    _load(connection, "compared_with", shown)
    _write(connection)


def _gather(connection: duckdb.DuckDBPyConnection) -> None:
    """Put live users, their role and what they hold into compared_users, and number their profiles."""
    # Only users are picked by their company: to look at each of a million users' flags costs more.
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE compared_permissions AS
        SELECT permission, CAST(row_number() OVER (ORDER BY permission) - 1 AS INTEGER) AS code
        FROM (
            SELECT DISTINCT permission FROM user_permissions
            WHERE granted IS NOT FALSE AND source = 'observed'
        )""")
    width = max(1, rows(connection, "SELECT count(*) FROM compared_permissions")[0][0])
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE compared_users AS
        WITH seats AS (
            SELECT
                company, user_id,
                -- of several roles the one that the user's own record names, else the lowest
                coalesce(
                    min(user_roles.role_id) FILTER (user_roles.role_id = users.role_id),
                    min(user_roles.role_id)
                ) AS role_id
            FROM user_roles
            JOIN users USING (company, user_id)
            WHERE
                user_roles.active AND user_roles.source = 'observed'
                AND user_roles.is_default IS NOT TRUE
            GROUP BY company, user_id
        ),
        holdings AS (
            SELECT
                company, user_id,
                -- what is not known counts as held: so it is no evidence against a colleague
                CAST(bitstring_agg(code, 0, {width - 1}) AS VARCHAR) AS held,
                2 * count(granted) < count(*) AS unknown
            FROM user_permissions
            JOIN compared_permissions USING (permission)
            WHERE granted IS NOT FALSE AND source = 'observed'
            GROUP BY company, user_id
        ),
        people AS (
            SELECT
                company, user_id,
                coalesce(seats.role_id, {NOBODY}) AS role_id,
                coalesce(holdings.held, repeat('0', {width})) AS held,
                CASE
                    WHEN users.admin THEN 'is an admin, who holds everything'
                    WHEN users.admin IS NULL THEN 'not known whether an admin'
                    WHEN users.permissions_source IS DISTINCT FROM 'observed'
                        THEN 'permissions not observed'
                    WHEN holdings.unknown THEN 'permissions not known'
                END AS reason
            FROM users
            LEFT JOIN seats USING (company, user_id)
            LEFT JOIN holdings USING (company, user_id)
            WHERE users.live AND {_TONIGHT}
        )
        SELECT
            *,
            CASE WHEN reason IS NULL THEN
                dense_rank() OVER (PARTITION BY reason IS NULL ORDER BY company, role_id, held) - 1
            END AS profile
        FROM people""")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE compared_profiles AS
        WITH parents AS (
            -- what stands side by side below the role that everybody starts in is not near
            SELECT tree.company, tree.role_id, min(tree.ancestor_role_id) AS parent_role_id
            FROM role_tree AS tree
            JOIN roles ON roles.company = tree.company AND roles.role_id = tree.ancestor_role_id
            WHERE tree.distance = 1 AND NOT (roles.role_id = 1 AND roles.name = '(Unassigned users)')
            GROUP BY tree.company, tree.role_id
        )
        SELECT
            people.profile,
            any_value(people.company) AS company,
            any_value(people.role_id) AS role_id,
            coalesce(any_value(parents.parent_role_id), {NOBODY}) AS parent_role_id,
            any_value(people.held) AS held,
            count(*) AS users
        FROM compared_users AS people
        LEFT JOIN parents USING (company, role_id)
        WHERE people.profile IS NOT NULL
        GROUP BY people.profile""")


def _companies(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, Ints, Profiles]]:
    """Each company's profiles, with the number of the first, and the permissions that the columns are."""
    got = connection.execute("""
        SELECT dense_rank() OVER (ORDER BY company) AS company, role_id, parent_role_id, users, held
        FROM compared_profiles
        ORDER BY profile""").fetchnumpy()
    number = len(got["users"])
    if not number:
        return
    letters = np.frombuffer("".join(got["held"]).encode("ascii"), dtype=np.uint8)
    held = letters.reshape(number, -1) == ord("1")
    users, role, parent = (
        np.asarray(got[name], dtype=np.int64) for name in ("users", "role_id", "parent_role_id")
    )
    starts = np.flatnonzero(np.diff(np.asarray(got["company"]), prepend=0))
    for start, end in zip(starts, [*starts[1:], number], strict=True):
        codes = np.flatnonzero(held[start:end].any(axis=0))
        own = slice(start, end)
        yield int(start), codes, Profiles(held[own][:, codes], users[own], role[own], parent[own])


def _load(connection: duckdb.DuckDBPyConnection, name: str, parts: list[tuple[Any, ...]]) -> None:
    """Make a table of columns that come in parts, with types that are declared."""
    types = _TABLES[name]
    declared = ", ".join(f"{column} {type_}" for column, type_ in types.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({declared})")
    if not parts:
        return
    joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    # arrays of numbers, no frame: pandas takes long to import
    connection.register("compared_columns", dict(zip(types, joined, strict=True)))
    connection.execute(f"INSERT INTO {name} BY NAME FROM compared_columns")
    connection.unregister("compared_columns")


def _named(column: str, names: Mapping[Kind, str] | Mapping[Reason, str]) -> str:
    """The name for the number in a column, in SQL; NULL for a number without a name."""
    cases = " ".join(f"WHEN {number:d} THEN '{name}'" for number, name in names.items())
    return f"CASE {column} {cases} END"


def _write(connection: duckdb.DuckDBPyConnection) -> None:
    """Say of every user what was found of the user's profile."""
    connection.execute(f"DELETE FROM history.peer_groups WHERE {_TONIGHT}")
    connection.execute(f"""
        INSERT INTO history.peer_groups BY NAME
        SELECT
            people.company, people.user_id, nullif(people.role_id, {NOBODY}) AS role_id,
            if(found.peers > 0, {_named("found.kind", _KINDS)}, NULL) AS kind, found.peers,
            coalesce(people.reason, {_named("found.reason", _REASONS)}) AS reason
        FROM compared_users AS people
        LEFT JOIN compared_groups AS found USING (profile)
        ORDER BY people.company, people.user_id""")
    connection.execute(f"DELETE FROM history.peer_comparisons WHERE {_TONIGHT}")
    connection.execute(f"""
        INSERT INTO history.peer_comparisons BY NAME
        WITH members AS (
            SELECT profile, user_id, row_number() OVER (PARTITION BY profile ORDER BY user_id) AS place
            FROM compared_users
            WHERE profile IN (SELECT other FROM compared_with)
            QUALIFY place <= {SHOWN + 1}  -- one of them may be the user
        ),
        nearest AS (
            SELECT
                compared_with.profile, compared_with.code,
                list(members.user_id ORDER BY compared_with.rank, members.place) AS users
            FROM compared_with
            JOIN members ON members.profile = compared_with.other
            GROUP BY compared_with.profile, compared_with.code
        )
        SELECT
            people.company, people.user_id, permission,
            found.score, found.peers, found.holders, found.role_peers,
            {_named("found.kind", _KINDS)} AS kind,
            list_filter(nearest.users, lambda other: other <> people.user_id)[:{SHOWN}] AS compared
        FROM compared_grants AS found
        JOIN compared_users AS people USING (profile)
        JOIN compared_permissions USING (code)
        JOIN nearest USING (profile, code)
        ORDER BY people.company, people.user_id, permission""")
