"""Users, roles and the role tree."""

from __future__ import annotations

import pytest

from .literal import NIGHTS, Company


def entry(app: str | None, admin: bool | None, permission_set_id: str | None = None) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


@pytest.mark.parametrize(
    ("access", "is_admin", "admin", "apps"),
    [
        ([entry("sales", True), entry("global", False)], None, True, ["sales"]),
        ([entry("sales", True), entry("global", True)], False, True, ["global", "sales"]),
        ([entry("sales", False)], None, False, []),
        ([entry("sales", False)], True, False, []),
        ([], None, False, []),
        ([], True, False, []),
        (None, True, True, None),
        (None, False, False, None),
        (None, None, None, None),
        ([entry("sales", None)], None, None, []),
        ([entry("sales", None)], True, True, []),
        ([entry("sales", None), entry("global", True)], None, True, ["global"]),
        ([entry(None, True)], None, True, []),
    ],
)
def test_admin_is_what_access_says_else_is_admin(
    company: Company, access: object, is_admin: bool | None, admin: bool | None, apps: object
) -> None:
    company.user(1, "Ana", access=access, is_admin=is_admin)

    rows = company.table("users", "admin, admin_apps, access_known")

    assert rows == [(admin, apps, access is not None)]


@pytest.mark.parametrize(
    ("access", "is_admin", "account_admin"),
    [
        ([entry("account_settings", True)], None, True),
        ([entry("sales", True)], None, False),
        ([], None, False),
        (None, False, False),
        (None, True, None),
        (None, None, None),
    ],
)
def test_account_admin_where_the_app_is_known(
    company: Company, access: object, is_admin: bool | None, account_admin: bool | None
) -> None:
    company.user(1, "Ana", access=access, is_admin=is_admin)
    company.user(2, "Bob", access=[entry("account_settings", False)])

    assert company.table("users", "user_id, account_admin") == [(1, account_admin), (2, False)]


def test_account_admin_where_it_is_not(company: Company) -> None:
    company.user(1, "Ana", access=[entry("sales", True)])
    company.user(2, "Bob", access=None, is_admin=True)
    company.user(3, "Cid", access=None)

    assert company.table("users", "account_admin") == [(True,), (True,), (None,)]


@pytest.mark.parametrize(
    ("active", "deleted", "live"),
    [
        (True, False, True),
        (True, None, True),
        (True, True, False),
        (False, None, False),
        (False, True, False),
        (None, True, False),
        (None, False, None),
    ],
)
def test_live(company: Company, active: bool | None, deleted: bool | None, live: bool | None) -> None:
    company.user(1, "Ana", active=active, deleted=deleted)

    assert company.table("users", "active, deleted, live") == [(active, deleted, live)]


@pytest.mark.parametrize(
    ("name", "email", "label"),
    [
        ("Ana", "ana@example.com", "Ana (ana@example.com)"),
        ("ANA@example.com", "ana@example.com", "ana@example.com"),
        (None, "ana@example.com", "ana@example.com"),
        ("", "ana@example.com", "ana@example.com"),
        ("Ana", None, "Ana (user 1)"),
        ("(deleted user)", "", "(deleted user) (user 1)"),
        ("(deleted user)", "(deleted user)", "(deleted user) (user 1)"),
        (None, None, "(user 1)"),
    ],
)
def test_label(company: Company, name: str | None, email: str | None, label: str) -> None:
    company.user(1, name, email=email)

    assert company.table("users", "label") == [(label,)]


def test_user_is_the_version_that_is_still_so(company: Company) -> None:
    company.user(1, "Ana", since=0, until=1)
    company.user(1, "Anna", since=1, last_login=NIGHTS[1])
    company.user(2, "Gone", since=0, until=1)
    company.user(3, "Back", since=0, until=1)
    company.user(3, "Back", since=3)

    assert company.table("users", "user_id, name, last_login, first_seen") == [
        (1, "Anna", NIGHTS[1], NIGHTS[0]),
        (3, "Back", NIGHTS[0], NIGHTS[0]),
    ]


def test_user_tells_when_details_were_answered(company: Company) -> None:
    company.user(1, "Ana")
    company.user(2, "Bob")
    company.observed("user_roles", 1, 0, 2)
    company.observed("user_permissions", 1, 1)

    assert company.table("users", "user_id, roles_observed_at, permissions_observed_at") == [
        (1, NIGHTS[2], NIGHTS[1]),
        (2, None, None),
    ]


def test_companies_are_apart(company: Company) -> None:
    other = Company(company.connection, "other")
    for one in (company, other):
        one.user(1, one.name)
        one.role(1, one.name)
        one.assign(1, 1)
        one.flags(1, can_x=one is company)

    assert company.table("users", "company, name") == [("acme", "acme"), ("other", "other")]
    assert company.table("roles", "company, name, depth, members") == [
        ("acme", "acme", 0, 1),
        ("other", "other", 0, 1),
    ]
    assert company.table("role_tree", "company, role_id") == [("acme", 1), ("other", 1)]
    assert company.table("user_role_permissions", "company, granted, role_share") == [
        ("acme", True, 1),
        ("other", False, 0),
    ]


def test_tree(company: Company) -> None:
    company.role(1, "Root", None)
    company.role(2, "Left", 1)
    company.role(3, "Right", 1)
    company.role(4, "Leaf", 2)

    assert company.table("role_tree", "ancestor_role_id, role_id, distance") == [
        (1, 1, 0),
        (1, 2, 1),
        (1, 3, 1),
        (1, 4, 2),
        (2, 2, 0),
        (2, 4, 1),
        (3, 3, 0),
        (4, 4, 0),
    ]
    assert company.table("roles", "role_id, depth") == [(1, 0), (2, 1), (3, 1), (4, 2)]


def test_own_parent_and_missing_parent_make_a_root(company: Company) -> None:
    company.role(1, "Self", 1)
    company.role(2, "Below", 1)
    company.role(3, "Orphan", 99)
    company.role(4, "Below the orphan", 3)
    company.role(5, "Was", None, until=1)
    company.role(6, "Under what was", 5)

    assert company.table("role_tree", "role_id, ancestor_role_id, distance") == [
        (1, 1, 0),
        (2, 1, 1),
        (2, 2, 0),
        (3, 3, 0),
        (4, 3, 1),
        (4, 4, 0),
        (6, 6, 0),
    ]
    assert company.table("roles", "role_id, depth") == [(1, 0), (2, 1), (3, 0), (4, 1), (6, 0)]


def test_loop_has_each_pair_once_and_no_depth(company: Company) -> None:
    company.role(1, "A", 3)
    company.role(2, "B", 1)
    company.role(3, "C", 2)
    company.role(4, "Under the loop", 3)
    company.role(5, "Under that", 4)
    company.role(6, "Elsewhere", None)

    assert company.table("role_tree", "role_id, distance, ancestor_role_id") == [
        *[(1, 0, 1), (1, 1, 3), (1, 2, 2)],
        *[(2, 0, 2), (2, 1, 1), (2, 2, 3)],
        *[(3, 0, 3), (3, 1, 2), (3, 2, 1)],
        *[(4, 0, 4), (4, 1, 3), (4, 2, 2), (4, 3, 1)],
        *[(5, 0, 5), (5, 1, 4), (5, 2, 3), (5, 3, 2), (5, 4, 1)],
        (6, 0, 6),
    ]
    assert company.table("roles", "role_id, depth") == [
        (1, None),
        (2, None),
        (3, None),
        (4, None),
        (5, None),
        (6, 0),
    ]


def test_two_roles_above_each_other(company: Company) -> None:
    company.role(1, "A", 2)
    company.role(2, "B", 1)

    assert company.table("role_tree", "ancestor_role_id, role_id, distance") == [
        (1, 1, 0),
        (1, 2, 1),
        (2, 1, 1),
        (2, 2, 0),
    ]


def test_members_are_live_users_with_an_active_assignment(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2, "Empty")
    company.user(1, "Ana")
    company.user(2, "Bob", active=False)
    company.user(3, "Cid", deleted=True)
    company.user(4, "Dan")
    company.user(5, "Eve", active=None)
    company.user(6, "Fay")
    company.assign(1, 1)
    company.assign(2, 1)
    company.assign(3, 1)
    company.assign(4, 1, active=False)
    company.assign(5, 1)
    company.assign(6, 1, until=1)

    assert company.table("roles", "role_id, members") == [(1, 1), (2, 0)]


def test_assignments_are_kept_as_they_are(company: Company) -> None:
    company.role(1, "(Unassigned users)")
    company.role(2, "Sales")
    company.user(1, "Ana", active=False)
    company.assign(1, 1, 2, 99)
    company.assign(7, 2, active=False, since=1)

    assert company.table("user_roles", "user_id, role_id, active, is_default, since") == [
        (1, 1, True, True, NIGHTS[0]),
        (1, 2, True, False, NIGHTS[0]),
        (1, 99, True, False, NIGHTS[0]),
        (7, 2, False, False, NIGHTS[1]),
    ]


@pytest.mark.parametrize(
    ("role", "is_default"), [("(Unassigned users)", True), ("Everybody", False), (None, None)]
)
def test_default_role(company: Company, role: str | None, is_default: bool | None) -> None:
    company.role(1, role)
    company.assign(1, 1)

    assert company.table("user_roles", "is_default") == [(is_default,)]


def test_current_snapshot_is_the_latest_accepted(company: Company) -> None:
    company.snapshot(1, "partial", token_owner=5)
    company.snapshot(2, "rejected")
    Company(company.connection, "other").snapshot(3)

    assert company.table("current_snapshot", "company, snapshot_id, as_of, status, token_owner") == [
        ("acme", "s1", NIGHTS[1], "partial", 5),
        ("other", "s3", NIGHTS[3], "complete", 1),
    ]
    assert company.table("snapshots", "snapshot_id, status") == [
        ("s0", "complete"),
        ("s1", "partial"),
        ("s2", "rejected"),
        ("s3", "complete"),
    ]
    assert company.table("rule_thresholds", "company, dormant_user_days") == [
        ("acme", 90),
        ("other", 90),
    ]


def test_history_keeps_every_version(company: Company) -> None:
    company.user(1, "Ana", access=[entry("sales", True)], until=1)
    company.user(1, "Anna", active=False, since=1)
    company.role(1, "Old", until=2)
    company.assign(1, 1, until=1)
    company.permission_set("a", None, until=1)
    company.permission_set("a", ["can_x"], since=1)
    company.flags(1, can_x=True, until=1)

    assert company.table("users_history", "valid_from, valid_to, name, admin, live") == [
        (NIGHTS[0], NIGHTS[1], "Ana", True, True),
        (NIGHTS[1], None, "Anna", False, False),
    ]
    assert company.table("roles_history", "name, valid_to") == [("Old", NIGHTS[2])]
    assert company.table("user_roles_history", "role_id, valid_to") == [(1, NIGHTS[1])]
    assert company.table("permission_sets_history", "valid_from, contents") == [
        (NIGHTS[0], None),
        (NIGHTS[1], ["can_x"]),
    ]
    assert company.table("user_permissions_history", "permission, valid_to") == [("can_x", NIGHTS[1])]
    assert company.table("roles", "role_id") == []
    assert company.table("permission_sets", "permission_set_id, contents") == [("a", ["can_x"])]


def test_findings_are_shown_as_they_are_kept(company: Company) -> None:
    company.insert("findings", finding_id="f", rule="dormant_user", evidence='{"days": 91}')

    assert company.table("findings", "finding_id, rule, evidence ->> 'days'") == [("f", "dormant_user", "91")]


def test_what_is_proven_to_be_absent(company: Company) -> None:
    company.role(1, "Back")
    company.permission_set("s-1", [])
    for role_id, outcome in ((1, "gone"), (2, "gone"), (3, "refused"), (4, "failed"), (5, "answered")):
        company.coverage("roles/{id}", role_id, outcome)
    company.coverage("permissionSets/{id}", "s-2", "gone")
    company.coverage("users/{id}", 6, "gone")  # who is gone has versions that say so
    company.observed("roles", 1, 0)
    company.observed("roles", 4, 0)
    company.observed("permission_sets", "s-1", 0)
    company.observed("permission_sets", "s-3", 0)
    company.observed("users", 7, 0)

    assert company.table("proven_absences", "subject_kind, subject_id") == [
        ("permission_set", "s-2"),
        ("permission_set", "s-3"),
        ("role", "2"),
        ("role", "4"),
    ]


def test_who_has_no_entry_for_the_account_settings_is_not_their_admin(company: Company) -> None:
    """For most users that entry is missing: it is an answer, and not something that is unknown."""
    sales = {"app": "sales", "admin": False, "permission_set_id": "s"}
    settings = {"app": "account_settings", "admin": True, "permission_set_id": "a"}
    company.user(1, "Owner", access=[sales, settings])
    company.user(2, "Plain", access=[sales])
    company.user(3, "Deals admin", access=[sales | {"admin": True}])
    company.user(4, "New apps", access=[sales, sales | {"app": "nova"}, sales | {"app": "partnership"}])
    company.user(5, "Empty", access=[])
    company.user(6, "Not given", access=None)

    assert company.table("users", "user_id, admin, account_admin") == [
        (1, True, True),
        (2, False, False),
        (3, True, False),
        (4, False, False),
        (5, False, False),
        (6, None, None),
    ]


def test_the_level_is_not_the_depth(company: Company) -> None:
    """In the vendor's own example the root is its own parent, and has the level of the roles below it."""
    for role_id, parent, level in [(1, 1, 1), (2, 1, 1), (3, 2, 2)]:
        company.role(role_id, f"Role {role_id}", parent)
        company.insert("roles_latest", role_id=role_id, level=level, assignment_count=0)

    assert company.table("roles", "role_id, depth, level") == [(1, 0, 1), (2, 1, 1), (3, 2, 2)]
    assert ("role:1", "role:1") not in company.table("edges", "source, target")
    assert company.fired("role_cycle") == []
