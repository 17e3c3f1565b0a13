"""Rules about admins, and about permissions that nothing explains."""

from __future__ import annotations

import json

import pytest

from .literal import Company


def entry(
    app: str = "sales", admin: bool | None = False, permission_set_id: str | None = None
) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


ACCOUNT_ADMIN = [entry("account_settings", True)]
SALES_ADMIN = [entry("sales", True)]
NO_ADMIN = [entry("account_settings"), entry("sales")]


def people(company: Company, *accesses: object, **user: object) -> None:
    """Add users with these accesses, numbered from 1."""
    for user_id, access in enumerate(accesses, start=1):
        company.user(user_id, f"User{user_id}", access=access, **user)


@pytest.mark.parametrize(
    ("accesses", "fires"),
    [
        ([ACCOUNT_ADMIN, NO_ADMIN, NO_ADMIN], True),
        ([NO_ADMIN, NO_ADMIN, NO_ADMIN], True),
        ([ACCOUNT_ADMIN, SALES_ADMIN, NO_ADMIN], True),
        ([ACCOUNT_ADMIN, ACCOUNT_ADMIN, NO_ADMIN], False),
        ([ACCOUNT_ADMIN, NO_ADMIN], False),
        ([SALES_ADMIN, [], []], True),
        ([SALES_ADMIN, SALES_ADMIN, []], False),
        # who may be an admin as far as we know
        ([ACCOUNT_ADMIN, None, NO_ADMIN], False),
        ([ACCOUNT_ADMIN, [entry("account_settings", None)], NO_ADMIN], False),
        ([None, None, None], False),
    ],
)
def test_single_admin(company: Company, accesses: list[object], fires: bool) -> None:
    people(company, *accesses)

    assert company.fired("single_admin") == ([("77", None)] if fires else [])


def test_single_admin_counts_live_users(company: Company) -> None:
    people(company, ACCOUNT_ADMIN, NO_ADMIN)
    company.user(8, "Gone", access=ACCOUNT_ADMIN, active=False)
    company.user(9, "Deleted", access=NO_ADMIN, deleted=True)

    assert company.fired("single_admin") == []

    company.user(3, "Third", access=NO_ADMIN)
    assert company.fired("single_admin") == [("77", None)]
    [(title, evidence)] = company.table("rules.single_admin", "title, evidence")
    assert title == (
        "Only User1 (user1@example.com) administers the account of acme, which has 3 active users."
    )
    assert json.loads(evidence) == {
        "admins": ["User1 (user1@example.com)"],
        "active_users": 3,
        "threshold_admins": 2,
        "threshold_users": 2,
    }


def test_single_admin_of_older_companies(company: Company) -> None:
    people(company, None, None, None, is_admin=False)

    assert company.table("rules.single_admin", "title, subject_kind, severity") == [
        ("Nobody administers the account of acme, which has 3 active users.", "company", "high")
    ]


@pytest.mark.parametrize(
    ("admins", "users", "fires"),
    [(4, 10, False), (5, 10, True), (5, 100, False), (6, 100, True), (6, 119, True), (6, 120, False),
     (7, 140, False), (8, 140, True)],
)  # fmt: skip
def test_too_many_admins(company: Company, admins: int, users: int, fires: bool) -> None:
    people(company, *[ACCOUNT_ADMIN] * admins, *[SALES_ADMIN] * (users - admins))
    company.user(999, "Gone", access=ACCOUNT_ADMIN, active=False)

    assert company.fired("too_many_admins") == ([("77", None)] if fires else [])


def test_too_many_admins_counts_admins_where_there_is_no_such_app(company: Company) -> None:
    people(company, *[SALES_ADMIN] * 5, None, None)

    [(title, evidence)] = company.table("rules.too_many_admins", "title, evidence")

    assert title == "5 of the 7 active users of acme administer the account."
    found = json.loads(evidence)
    assert found["admins"] == 5
    assert found["first_admins"][0] == {
        "user": "User1 (user1@example.com)",
        "admin_apps": ["sales"],
        "last_login": "2026-11-20 02:00:00",
    }


def test_who_may_be_an_admin_is_not_one_too_many(company: Company) -> None:
    people(company, *[ACCOUNT_ADMIN] * 4, None, None)

    assert company.fired("too_many_admins") == []


@pytest.mark.parametrize(
    ("access", "is_admin", "fires"),
    [
        (SALES_ADMIN, False, True),
        ([entry()], True, True),
        ([], True, True),
        (SALES_ADMIN, True, False),
        ([entry()], False, False),
        ([], False, False),
        (SALES_ADMIN, None, False),
        (None, True, False),
        (None, False, False),
        ([entry("sales", None)], True, False),
        ([entry("sales", None)], False, False),
    ],
)
def test_admin_flag_mismatch(company: Company, access: object, is_admin: bool | None, fires: bool) -> None:
    company.user(5, "Ana", access=access, is_admin=is_admin)

    assert company.fired("admin_flag_mismatch") == ([("5", None)] if fires else [])


def test_admin_flag_mismatch_says_which(company: Company) -> None:
    company.user(5, "Ana", access=SALES_ADMIN, is_admin=False)
    company.user(6, "Bob", access=[], is_admin=True, active=False)

    assert company.table("rules.admin_flag_mismatch", "title") == [
        ("Ana (ana@example.com) is no admin by the field is_admin, but by access one of sales.",),
        ("Bob (bob@example.com) is an admin by the field is_admin, but of no app by access.",),
    ]


@pytest.mark.parametrize(
    ("access", "granted", "fires"),
    [
        ([entry(permission_set_id="x")], True, False),
        ([entry(permission_set_id="y")], True, True),
        ([entry(permission_set_id="y")], False, False),
        ([entry(permission_set_id="y")], None, False),
        ([entry(permission_set_id="empty")], True, True),
        ([], True, True),
        ([entry(permission_set_id="y"), entry("global", False, "x")], True, False),
        ([entry("global", True, "y")], True, False),
        ([entry("global", None, "y")], True, False),
        ([entry(permission_set_id="unknown")], True, False),
        ([entry(permission_set_id="y"), entry(permission_set_id="missing")], True, False),
        ([entry(permission_set_id="y"), entry()], True, False),
        (None, True, False),
    ],
)
def test_unexplained_permission(company: Company, access: object, granted: bool | None, fires: bool) -> None:
    company.permission_set("x", ["can_x", "can_y"])
    company.permission_set("y", ["can_y"])
    company.permission_set("empty", [])
    company.permission_set("unknown", None)
    company.user(5, "Ana", access=access)
    company.flags(5, can_x=granted)

    assert company.fired("unexplained_permission") == ([("5", "can_x")] if fires else [])


def test_unexplained_permission_is_one_finding_each(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2, "Support")
    company.permission_set("y", ["can_y"])
    company.user(5, "Ana", access=[entry("sales", False, "y"), entry("global", False, "y")])
    company.assign(5, 1, 2)
    company.flags(5, can_x=True, can_y=True, can_z=True)

    assert company.fired("unexplained_permission") == [("5", "can_x"), ("5", "can_z")]
    title, evidence = company.table("rules.unexplained_permission", "title, evidence")[0]
    assert title == ("Ana (ana@example.com) holds can_x, which none of the user's permission sets grants.")
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "active": True,
        "permission": "can_x",
        "since": "2026-11-20 02:00:00",
        "observed_at": "2026-11-20 02:00:00",
        "permission_sets": [
            {"app": "global", "set": "Y", "permission_set_id": "y"},
            {"app": "sales", "set": "Y", "permission_set_id": "y"},
        ],
    }
