"""The tables about users' permissions and their sources, and the graph's nodes and edges."""

from __future__ import annotations

from .literal import NIGHTS, Company


def entry(permission_set_id: str | None, app: str = "sales", admin: bool | None = False) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


def explained(company: Company) -> list[tuple[object, ...]]:
    return company.table("user_role_permissions", "permission, granted, granted_by, granted_by_admin")


def test_permission_sets_of_users(company: Company) -> None:
    company.user(1, "Ana", access=[entry("a"), entry("b", "global", True)])
    company.user(2, "Bob", access=[entry("a"), entry("a", admin=True), entry(None, "projects", None)])
    company.user(3, "Cid", access=None)
    company.user(4, "Dan", access=[])
    company.user(5, "Eve", access=[entry("missing")], active=False)

    assert company.table("user_permission_sets", "user_id, app, permission_set_id, admin") == [
        (1, "global", "b", True),
        (1, "sales", "a", False),
        (2, "projects", None, None),
        (2, "sales", "a", True),
        (5, "sales", "missing", False),
    ]


def test_permissions_are_what_was_answered(company: Company) -> None:
    company.user(1, "Ana")
    company.user(2, "Never answered")
    company.flags(1, can_x=True, can_y=False, can_z=None)
    company.flags(1, can_w=True, until=1)
    company.flags(9, can_x=True, since=1)

    columns = "user_id, permission, granted, source, observed_at, since"
    assert company.table("user_permissions", columns) == [
        (1, "can_x", True, "observed", NIGHTS[0], NIGHTS[0]),
        (1, "can_y", False, "observed", NIGHTS[0], NIGHTS[0]),
        (1, "can_z", None, "observed", NIGHTS[0], NIGHTS[0]),
        (9, "can_x", True, "observed", NIGHTS[1], NIGHTS[1]),
    ]


def test_carried_rows_tell_when_they_were_seen(company: Company) -> None:
    company.snapshot(3, "partial")
    company.observed("user_permissions", 1, 0, 2)
    company.flags(1, can_x=True)

    assert company.table("user_permissions", "observed_at, since") == [(NIGHTS[2], NIGHTS[0])]


def test_share_of_a_role(company: Company) -> None:
    company.role(1, "Sales")
    for user_id in range(1, 6):
        company.user(user_id, f"User{user_id}")
        company.assign(user_id, 1)
    company.user(6, "Inactive", active=False)
    company.assign(6, 1)
    company.user(7, "Moved")
    company.assign(7, 1, active=False)
    company.flags(1, can_x=True, can_y=False)
    company.flags(2, can_x=True, can_y=None)
    company.flags(3, can_x=False)
    company.flags(4)
    for user_id in (6, 7):
        company.flags(user_id, can_x=True, can_w=True)

    # of five members one was never answered for; of one more, can_y is not known
    assert company.table("role_permissions", "permission, members, holders, unknown, share") == [
        ("can_x", 5, 2, 1, 0.5),
        ("can_y", 5, 0, 2, 0),
    ]


def test_share_is_not_known_where_nobody_is(company: Company) -> None:
    company.role(1, "Sales")
    company.user(1, "Ana")
    company.assign(1, 1)
    company.flags(1, can_x=None)

    assert company.table("role_permissions", "members, holders, unknown, share") == [(1, 0, 1, None)]


def test_granted_by_the_sets_that_hold_it(company: Company) -> None:
    company.permission_set("b", ["can_x", "can_y"])
    company.permission_set("a", ["can_x"])
    company.permission_set("c", ["can_z"])
    company.user(1, "Ana", access=[entry("b"), entry("a"), entry("a", "global")])
    company.flags(1, can_x=True, can_y=False, can_z=True)

    assert explained(company) == [
        ("can_x", True, ["a", "b"], False),
        ("can_y", False, ["b"], False),
        ("can_z", True, [], False),
    ]


def test_granted_by_is_not_known_where_contents_are_not(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.permission_set("b", None)
    company.user(1, "Ana", access=[entry("a"), entry("b")])
    company.flags(1, can_x=True, can_y=True)

    assert explained(company) == [("can_x", True, ["a"], False), ("can_y", True, None, False)]


def test_granted_by_is_not_known_where_the_set_is_missing(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.user(1, "Ana", access=[entry("a"), entry("gone")])
    company.flags(1, can_y=True)

    assert explained(company) == [("can_y", True, None, False)]


def test_an_entry_without_a_set_grants_nothing(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.user(1, "Ana", access=[entry("a"), entry(None)])
    company.flags(1, can_x=True, can_y=True)

    assert explained(company) == [("can_x", True, ["a"], False), ("can_y", True, [], False)]


def test_granted_by_is_not_known_where_access_is_not(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.user(1, "Ana", access=None, is_admin=False)
    company.flags(1, can_x=True)
    company.flags(2, can_x=True)

    assert company.table("user_role_permissions", "user_id, granted_by, granted_by_admin") == [
        (1, None, False),
        (2, None, None),
    ]


def test_no_set_at_all_explains_nothing(company: Company) -> None:
    company.user(1, "Ana", access=[])
    company.flags(1, can_x=True)

    assert explained(company) == [("can_x", True, [], False)]


def test_admins_hold_what_no_set_grants(company: Company) -> None:
    company.permission_set("a", [])
    company.user(1, "Ana", access=[entry("a", admin=True)])
    company.user(2, "Bob", access=None)
    for user_id in (1, 2):
        company.flags(user_id, can_x=True, can_y=False, can_z=None)

    assert company.table("user_role_permissions", "user_id, permission, granted_by_admin") == [
        (1, "can_x", True),
        (1, "can_y", False),
        (1, "can_z", None),
        (2, "can_x", None),
        (2, "can_y", False),
        (2, "can_z", None),
    ]


def test_one_row_per_active_assignment(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2, "Support")
    company.user(1, "Ana")
    company.user(2, "Bob", active=False)
    company.user(3, "Cid")
    company.user(4, "Dan")
    company.assign(1, 1, 2)
    company.assign(2, 1)
    company.assign(3, 1, active=False)
    for user_id in (1, 2, 3, 4):
        company.flags(user_id, can_x=user_id != 4)

    assert company.table("user_role_permissions", "user_id, role_id, granted, role_share") == [
        (1, 1, True, 1),
        (1, 2, True, 1),
        (2, 1, True, 1),
        (3, None, True, None),
        (4, None, False, None),
    ]


def test_every_edge_joins_two_nodes(company: Company) -> None:
    company.role(1, "(Unassigned users)", 1)
    company.role(2, "Sales", 1)
    company.role(3, "Orphan", 99)
    company.permission_set("a", ["can_x", "can_y"])
    company.permission_set("n", None, app="nova")
    company.user(1, "Ana", access=[entry("a", admin=True), entry("a", "global"), entry("b", "global")])
    company.user(2, "Bob", access=None)
    company.assign(1, 2)
    company.assign(2, 98, active=False)
    company.flags(1, can_x=True, can_z=True, can_w=False)

    assert company.table("nodes", "kind, node_id, label") == [
        ("app", "app:global", "global"),
        ("app", "app:nova", "nova"),
        ("app", "app:sales", "sales"),
        ("permission", "permission:can_w", "can_w"),
        ("permission", "permission:can_x", "can_x"),
        ("permission", "permission:can_y", "can_y"),
        ("permission", "permission:can_z", "can_z"),
        ("permission_set", "permission_set:a", "A"),
        ("permission_set", "permission_set:b", "set b"),
        ("permission_set", "permission_set:n", "N"),
        ("role", "role:1", "(Unassigned users)"),
        ("role", "role:2", "Sales"),
        ("role", "role:3", "Orphan"),
        ("role", "role:98", "role 98"),
        ("role", "role:99", "role 99"),
        ("user", "user:1", "Ana (ana@example.com)"),
        ("user", "user:2", "Bob (bob@example.com)"),
    ]
    assert company.table("edges", "kind, source, target, properties") == [
        ("admin_of", "user:1", "app:sales", "{}"),
        ("child_of", "role:2", "role:1", "{}"),
        ("child_of", "role:3", "role:99", "{}"),
        ("grants", "permission_set:a", "permission:can_x", "{}"),
        ("grants", "permission_set:a", "permission:can_y", "{}"),
        ("has_set", "user:1", "permission_set:a", '{"apps":["global","sales"],"admin":true}'),
        ("has_set", "user:1", "permission_set:b", '{"apps":["global"],"admin":false}'),
        ("holds", "user:1", "permission:can_x", '{"source":"observed"}'),
        ("holds", "user:1", "permission:can_z", '{"source":"observed"}'),
        ("member_of", "user:1", "role:2", '{"active":true,"source":"observed"}'),
        ("member_of", "user:2", "role:98", '{"active":false,"source":"observed"}'),
        ("part_of", "permission_set:a", "app:sales", "{}"),
        ("part_of", "permission_set:n", "app:nova", "{}"),
    ]
    missing = company.rows(
        "FROM (SELECT source FROM edges UNION SELECT target FROM edges) AS ends(node_id)"
        " ANTI JOIN nodes USING (node_id)"
    )
    assert missing == []


def test_nodes_say_whether_they_are_known(company: Company) -> None:
    company.role(1, "Sales", active=None)
    company.permission_set("a", None)
    company.user(1, "Ana", access=[entry("a"), entry("b")])
    company.assign(1, 1, 2)

    nodes = company.table("nodes", "kind, node_id, properties ->> 'known'")
    assert [node for node in nodes if node[0] in {"role", "permission_set"}] == [
        ("permission_set", "permission_set:a", "true"),
        ("permission_set", "permission_set:b", "false"),
        ("role", "role:1", "true"),
        ("role", "role:2", "false"),
    ]


def admin_set(company: Company) -> None:
    """A set of type admin for which Pipedrive lists nothing, and sets that list what they grant."""
    company.permission_set("admins", [], type="admin")
    company.permission_set("sellers", ["can_x", "can_y"])
    company.permission_set("watchers", ["can_g"], app="global")


def test_an_admin_set_that_lists_nothing_grants_all_of_its_app(company: Company) -> None:
    admin_set(company)
    company.permission_set("empty", [], type="custom")
    company.permission_set("unread", None, type="admin")
    company.permission_set("odd", [], type=None)

    columns = "permission_set_id, contents, grants, grants_everything"
    assert company.table("permission_sets", columns) == [
        ("admins", [], ["can_x", "can_y"], True),
        ("empty", [], [], False),
        ("odd", [], None, None),
        ("sellers", ["can_x", "can_y"], ["can_x", "can_y"], False),
        ("unread", None, None, None),
        ("watchers", ["can_g"], ["can_g"], False),
    ]
    assert company.table("edges", "source, target") == [
        ("permission_set:admins", "app:sales"),
        ("permission_set:admins", "permission:can_x"),
        ("permission_set:admins", "permission:can_y"),
        *[(f"permission_set:{name}", "app:sales") for name in ("empty", "odd", "sellers")],
        ("permission_set:sellers", "permission:can_x"),
        ("permission_set:sellers", "permission:can_y"),
        ("permission_set:unread", "app:sales"),
        ("permission_set:watchers", "app:global"),
        ("permission_set:watchers", "permission:can_g"),
    ]
    assert company.table("permissions", "permission, sets") == [("can_g", 1), ("can_x", 2), ("can_y", 2)]


def test_what_an_admin_set_grants_is_explained_missed_and_not_guessed(company: Company) -> None:
    admin_set(company)
    company.user(1, "Ana", access=[entry("admins")])
    company.flags(1, can_x=True, can_y=False, can_g=True, can_unheard_of=True)

    assert explained(company) == [
        ("can_g", True, [], False),  # of another app
        ("can_unheard_of", True, None, False),  # may be of this app
        ("can_x", True, ["admins"], False),
        ("can_y", False, ["admins"], False),
    ]
    assert company.fired("unexplained_permission") == [("1", "can_g")]
    assert company.fired("missing_permission") == [("1", "can_y")]


def test_what_an_admin_set_may_grant_is_no_toxic_combination_of_its_user(company: Company) -> None:
    company.permission_set("admins", [], type="admin")
    company.user(1, "Ana", access=[entry("admins")])
    company.user(2, "Bob", access=[])
    held = {"can_export_data_from_lists": True, "can_use_api": True, "can_see_hidden_items_names": True}
    held |= {"can_delete_deals": True, "can_bulk_edit_items": True, "can_use_import": True}
    for user_id in (1, 2):
        company.flags(user_id, **held)

    assert {subject for (subject,) in company.table("toxic_holdings", "DISTINCT subject_id")} <= {"2"}


def test_a_set_that_begins_to_list_what_it_grants_has_not_changed(company: Company) -> None:
    company.snapshot(1)
    company.permission_set("admins", [], type="admin", until=1)
    company.permission_set("admins", ["can_x"], type="admin", since=1)
    company.permission_set("others", [], type="custom", until=1)
    company.permission_set("others", ["can_x"], type="custom", since=1)

    assert [subject for subject, _ in company.fired("permission_set_changed")] == ["others"]
