"""Reads the heat map: how many members of each role hold each permission, with unusual cells marked."""

from __future__ import annotations

from dataclasses import dataclass

from pipedrive_graph.reports.access.roles import Tree
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.reports.access.words import permission

FEW_SHARE, FEW_MEMBERS = 0.2, 5
"""A permission is unusual if less than this share holds it, in a role with at least so many members."""

WIDEST = 28
"""The most permissions side by side; more go into another table."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How many of a role hold a permission.

    Attributes:
        holders: the number of holders; None if unknown for all members.
        level: the share in tenths, for the colour; 0 is nobody, 10 everybody.
        unknown: the number of members for whom it is unknown.
        few: whether unusually few members hold it.
        outliers: the number of members who hold it unlike their peers (permission_outlier).
    """

    holders: int | None
    level: int
    unknown: int
    few: bool
    outliers: int


@dataclass(frozen=True, slots=True)
class Row:
    """A role with its cells."""

    role_id: int
    name: str
    members: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A table of the heat map: permissions side by side, roles below each other."""

    title: str
    permissions: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The tables of the heat map, and the number of marked cells: with few holders, with outliers."""

    blocks: tuple[Block, ...]
    few: int
    outliers: int
    empty: int


def heatmap(source: Source, tree: Tree) -> HeatMap:
    """Read the heat map, with the roles in the order of the tree, without roles that have no members."""
    counts = {
        (role_id, flag): (holders, share, unknown)
        for role_id, flag, holders, share, unknown in source.rows(
            """
            SELECT role_id, permission, holders, share, unknown FROM role_permissions
            WHERE company = $company"""
        )
    }
    outliers = {
        (role_id, flag): count
        for role_id, flag, count in source.rows(
            "SELECT role_id, permission, outliers FROM role_outliers($company)"
        )
    }
    sensitive = {
        flag
        for (flag,) in source.rows("SELECT permission FROM sensitive_permissions WHERE company = $company")
    }
    flags = sorted({flag for _, flag in counts})
    known = dict(
        source.rows(
            """
            SELECT user_roles.role_id, count(*) FILTER (users.permissions_source IS NOT NULL)
            FROM user_roles JOIN users USING (company, user_id)
            WHERE company = $company AND user_roles.active AND users.live GROUP BY ALL"""
        )
    )
    peopled = [place.role for place in tree.places if place.role.members]

    def cell(role_id: int, members: int, flag: str) -> Cell:
        holders, share, unknown = counts.get((role_id, flag), (0, 0.0, 0))
        if not known.get(role_id) or share is None:
            return Cell(None, 0, members, few=False, outliers=0)
        few = 0 < share < FEW_SHARE and members >= FEW_MEMBERS
        level = 10 if share >= 1 else max(int(share * 10), 1) if holders else 0
        return Cell(holders, level, unknown, few, outliers.get((role_id, flag), 0))

    blocks = []
    groups = {
        "Sensitive permissions": [flag for flag in flags if flag in sensitive],
        "Other permissions": [flag for flag in flags if flag not in sensitive],
    }
    for title, members in groups.items():
        for start in range(0, len(members), WIDEST):
            shown = members[start : start + WIDEST]
            rows = tuple(
                Row(
                    role.role_id,
                    role.name,
                    role.members,
                    tuple(cell(role.role_id, role.members, f) for f in shown),
                )
                for role in peopled
            )
            part = f", part {start // WIDEST + 1}" if len(members) > WIDEST else ""
            blocks.append(Block(f"{title}{part}", tuple((flag, permission(flag)) for flag in shown), rows))
    cells = [shade for block in blocks for row in block.rows for shade in row.cells]
    return HeatMap(
        tuple(blocks),
        sum(shade.few and not shade.outliers for shade in cells),
        sum(shade.outliers > 0 for shade in cells),
        len(tree.places) - len(peopled),
    )
