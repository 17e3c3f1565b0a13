"""Assigns each user of a company to the person who decides: the owner of the role, or the manager."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import duckdb

from pipedrive_graph.common.addresses import comparable
from pipedrive_graph.config.role_owners import Owners, Tree, decider, same_person
from pipedrive_graph.reviews.items import Holder
from pipedrive_graph.warehouse.database import rows

_MANAGERS = "SELECT email, manager FROM roster WHERE company = ? AND problem IS NULL"


class Deciders:
    """Returns the person who decides about a user: the owner of the role, or the manager."""

    def __init__(self, owners: Owners | None, tree: Tree, managers: Mapping[str, str]) -> None:
        self._owners = owners
        self._tree = tree
        self._managers = managers

    def __call__(self, holder: Holder) -> str | None:
        """Return the person who decides about a user; None if there is none."""
        if self._owners is None:
            manager = self._managers.get(comparable(holder.email) or "")
            is_own_manager = same_person(manager, holder.email) or same_person(manager, holder.name)
            return None if is_own_manager else manager
        return decider(self._owners, self._tree, _in_order(holder), holder.email)


def _in_order(holder: Holder) -> Sequence[int]:
    """Return the user's roles, with the one of the user's own record first."""
    assigned = [role.role_id for role in holder.roles or ()]
    if holder.role_id is None or (assigned and holder.role_id not in assigned):
        return assigned
    return [holder.role_id, *(role_id for role_id in assigned if role_id != holder.role_id)]


def deciders(connection: duckdb.DuckDBPyConnection, company: str, owners: Owners | None) -> Deciders:
    """Load the deciders of a company: the owners of its roles, or the managers in its roster."""
    names = dict(rows(connection, "SELECT role_id, name FROM roles WHERE company = ?", company))
    above: dict[int, list[int]] = defaultdict(list)
    for role_id, ancestor in rows(
        connection,
        "SELECT role_id, ancestor_role_id FROM role_tree WHERE company = ?"
        " ORDER BY role_id, distance, ancestor_role_id",
        company,
    ):
        above[role_id].append(ancestor)
    managers = {
        str(email): str(manager)
        for email, manager in rows(connection, _MANAGERS, company)
        if email and manager
    }
    return Deciders(owners, Tree(names, above), managers)
