"""What a user holds, by name: the helpers `held_sets` and `held_roles`, which rules read."""

from __future__ import annotations

from typing import Any

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse.sql_project import Models

from .literal import NIGHTS, Company


def entry(permission_set_id: str | None, app: str | None = "sales") -> dict[str, Any]:
    return {"app": app, "admin": False, "permission_set_id": permission_set_id}


def test_sets_by_name(company: Company) -> None:
    company.permission_set("a", ["can_x", "can_y"], name="Closers")
    company.permission_set("b", None, name=None, type=None)
    company.permission_set("c", [], type="admin", name="Bosses")
    company.user(1, "Ana", access=[entry("a"), entry("a", "global"), entry("gone"), entry(None)])
    company.user(2, "Bo", access=[entry("b"), entry("c", None)], active=False)
    company.user(3, "Cy", access=None)

    assert company.table(
        "held_sets", "user_id, app, permission_set_id, name, label, type, grants, grants_everything"
    ) == [
        (1, "global", "a", "Closers", "Closers", "custom", ["can_x", "can_y"], False),
        (1, "sales", "a", "Closers", "Closers", "custom", ["can_x", "can_y"], False),
        (1, "sales", "gone", None, "gone", None, None, None),
        (2, "sales", "b", None, "b", None, None, None),
        (2, None, "c", "Bosses", "Bosses", "admin", ["can_x", "can_y"], True),
    ]


def test_active_roles_by_name(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2)
    company.user(1, "Ana")
    company.user(2, "Bo", active=False)
    company.assign(1, 1, 2, 98, since=1)
    company.assign(2, 1, active=False)
    company.assign(2, 2, active=None)

    assert company.table("held_roles", "user_id, role_id, name, label, is_default, source, since") == [
        (1, 1, "Sales", "Sales", False, "observed", NIGHTS[1]),
        (1, 2, None, "2", False, "observed", NIGHTS[1]),
        (1, 98, None, "98", False, "observed", NIGHTS[1]),
    ]


def test_helpers_are_not_published_and_are_seen_through() -> None:
    models = Models(sql_folder())
    helpers = {"main.held_sets", "main.held_roles"}

    assert not helpers & {model.qualified for model in models.published()}
    assert models["rules.multiple_roles"].reads == {"main.held_roles", "main.users"}
    assert models.reads(models["rules.multiple_roles"]) == {"main.user_roles", "main.roles", "main.users"}
    assert not any(helpers & models.tables_read(model) for model in models)
