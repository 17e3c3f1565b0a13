"""Applies to the users of a company who decides about them: the owner of the role, or the manager."""

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
    """Finds who decides about a user: the owner of the role, or the manager."""

    def __init__(self, owners: Owners | None, tree: Tree, managers: Mapping[str, str]) -> None:
        self._owners = owners
        self._tree = tree
        self._managers = managers

    def __call__(self, holder: Holder) -> str | None:
        """Who decides about a user; None where there is nobody."""
        if self._owners is None:
            manager = self._managers.get(comparable(holder.email) or "")
            themselves = same_person(manager, holder.email) or same_person(manager, holder.name)
            return None if themselves else manager
        return decider(self._owners, self._tree, _in_order(holder), holder.email)


def _in_order(holder: Holder) -> Sequence[int]:
    """The user's roles, the one of the user's own record first."""
    assigned = [role.role_id for role in holder.roles or ()]
    if holder.role_id is None or (assigned and holder.role_id not in assigned):
        return assigned
    return [holder.role_id, *(role_id for role_id in assigned if role_id != holder.role_id)]


def deciders(connection: duckdb.DuckDBPyConnection, company: str, owners: Owners | None) -> Deciders:
    """Who decides about the users of a company: by the owners of its roles, or by its roster's managers."""
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
