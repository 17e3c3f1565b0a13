"""Rules about roles and who is in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from .literal import NIGHTS, Company

ADMIN = [{"app": "sales", "admin": True, "permission_set_id": None}]


@pytest.fixture
def company(company: Company) -> Company:
    """Two roles and the default one; Zoe is in Sales."""
    company.role(1, "(Unassigned users)")
    company.role(2, "Sales", 1)
    company.role(3, "Support", 1)
    company.user(9, "Zoe")
    company.assign(9, 2)
    return company


@pytest.mark.parametrize(
    ("role_ids", "active", "fires"),
    [
        ((), True, True),
        ((1,), True, True),
        ((2,), True, False),
        ((1, 2), True, False),
        ((99,), True, False),
        ((2,), False, True),
        ((2,), None, False),
    ],
)
def test_user_without_role(
    company: Company, role_ids: tuple[int, ...], active: bool | None, fires: bool
) -> None:
    company.user(5, "Ana")
    company.assign(5, *role_ids, active=active)

    assert company.fired("user_without_role") == ([("5", None)] if fires else [])


@pytest.mark.parametrize(
    ("user", "severity"),
    [
        ({}, ["medium"]),
        ({"access": ADMIN}, ["high"]),
        ({"access": None}, ["medium"]),
        ({"active": False}, []),
        ({"active": None}, []),
    ],
)
def test_user_without_role_is_worse_for_an_admin(
    company: Company, user: dict[str, object], severity: list[str]
) -> None:
    company.user(5, "Ana", **user)
    company.assign(5)

    assert [row[0] for row in company.table("rules.user_without_role", "severity")] == severity


def test_user_whose_assignments_were_never_answered_is_not_looked_at(company: Company) -> None:
    company.user(5, "Ana")
    company.flags(5, can_x=True)

    assert company.fired("user_without_role") == []


def test_default_role_is_a_role_where_nobody_has_another(company: Company) -> None:
    other = Company(company.connection, "other")
    other.snapshot(0)
    other.role(1, "(Unassigned users)")
    other.role(2, "Sales")
    other.user(5, "Ana")
    other.user(6, "Bob")
    other.user(7, "Cid", active=False)
    other.assign(5, 1)
    other.assign(6)
    other.assign(7, 2)

    assert company.fired("user_without_role") == [("6", None)]


def test_role_one_of_another_name_is_a_role(company: Company) -> None:
    other = Company(company.connection, "other")
    other.snapshot(0)
    for user_id in (5, 6):
        other.user(user_id, "Ana")
        other.assign(user_id, user_id - 4)

    assert company.fired("user_without_role") == [], "the name of role 1 is not known"

    other.role(1, "Board")
    assert company.fired("user_without_role") == []


@pytest.mark.parametrize(
    ("listed", "role_ids", "active", "fires"),
    [
        (2, (3,), True, True),
        (2, (1, 3), True, True),
        (99, (3,), True, True),
        (2, (2,), True, False),
        (2, (2, 3), True, False),
        (None, (3,), True, False),
        (2, (), True, False),
        (2, (3,), False, False),
        (2, (3,), None, False),
    ],
)
def test_role_mismatch(
    company: Company, listed: int | None, role_ids: tuple[int, ...], active: bool | None, fires: bool
) -> None:
    company.user(5, "Ana", role_id=listed)
    company.assign(5, *role_ids, active=active)

    assert company.fired("role_mismatch") == ([("5", None)] if fires else [])


@pytest.mark.parametrize(("active", "fires"), [(True, False), (False, True), (None, False)])
def test_role_mismatch_looks_at_active_assignments(
    company: Company, active: bool | None, fires: bool
) -> None:
    company.user(5, "Ana", role_id=2)
    company.assign(5, 3)
    company.assign(5, 2, active=active)

    assert company.fired("role_mismatch") == ([("5", None)] if fires else [])


@pytest.mark.parametrize(("asked", "fires"), [(0, False), (1, True)])
def test_role_mismatch_is_not_of_assignments_from_before_the_change(
    company: Company, asked: int, fires: bool
) -> None:
    company.user(5, "Ana", role_id=3, until=1)
    company.user(5, "Ana", role_id=2, since=1)
    company.observed("user_roles", 5, 0, asked)
    company.assign(5, 3)

    assert company.fired("role_mismatch") == ([("5", None)] if fires else [])


def test_role_mismatch_says_which(company: Company) -> None:
    company.user(5, "Ana", role_id=2, active=False)
    company.assign(5, 3, 1)

    [(title, evidence)] = company.table("rules.role_mismatch", "title, evidence")

    assert title == "Ana (ana@example.com) is listed with the role Sales, but not assigned to it."
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "active": False,
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
        "listed_role_id": 2,
        "listed_role": "Sales",
        "assigned_role_ids": [1, 3],
        "assignments_observed_at": "2026-11-20 02:00:00",
    }


@pytest.mark.parametrize(
    ("role_ids", "active", "fires"),
    [
        ((2, 3), True, True),
        ((1, 99), True, True),
        ((2,), True, False),
        ((), True, False),
        ((2, 3), False, False),
        ((2, 3), None, False),
    ],
)
def test_multiple_roles(
    company: Company, role_ids: tuple[int, ...], active: bool | None, fires: bool
) -> None:
    company.user(5, "Ana")
    company.assign(5, *role_ids, active=active)

    assert company.fired("multiple_roles") == ([("5", None)] if fires else [])


def test_multiple_roles_lists_them(company: Company) -> None:
    company.user(5, "Ana", active=False)
    company.assign(5, 2, 99)
    company.assign(5, 3, active=False)

    [(title, evidence)] = company.table("rules.multiple_roles", "title, evidence")

    assert title == "Ana (ana@example.com) is assigned to 2 roles at once."
    assert json.loads(evidence)["roles"] == [
        {"role_id": 2, "role": "Sales", "since": "2026-11-20 02:00:00"},
        {"role_id": 99, "role": None, "since": "2026-11-20 02:00:00"},
    ]


@pytest.mark.parametrize(
    ("outcome", "fires"),
    [("gone", True), ("refused", False), ("failed", False), ("answered", False), (None, False)],
)
def test_role_that_does_not_exist_takes_proof(company: Company, outcome: str | None, fires: bool) -> None:
    company.user(5, "Ana")
    company.assign(5, 99)
    company.coverage("roles/{id}", 98, "gone")
    company.coverage("users/{id}", 99, "gone")
    if outcome:
        company.coverage("roles/{id}", 99, outcome)

    assert company.fired("dangling_role_assignment") == ([("5", "99")] if fires else [])


def test_proof_lasts_through_a_night_in_which_asking_fails(company: Company) -> None:
    company.user(5, "Ana")
    company.assign(5, 99)
    company.observed("roles", 99, 0)
    company.coverage("roles/{id}", 99, "failed")

    assert company.fired("dangling_role_assignment") == [("5", "99")]


def test_role_that_is_listed_again_exists(company: Company) -> None:
    company.role(99, "Back")
    company.user(5, "Ana")
    company.assign(5, 99)
    company.observed("roles", 99, 0)
    company.coverage("roles/{id}", 99, "gone")

    assert company.fired("dangling_role_assignment") == []


@pytest.mark.parametrize(("active", "fires"), [(False, True), (True, False), (None, False)])
def test_role_that_is_inactive(company: Company, active: bool | None, fires: bool) -> None:
    company.role(4, "Old", active=active)
    company.user(5, "Ana")
    company.assign(5, 4)

    assert company.fired("dangling_role_assignment") == ([("5", "4")] if fires else [])


def test_assignment_that_is_over_dangles_no_more(company: Company) -> None:
    company.role(4, "Old", active=False)
    company.user(5, "Ana")
    company.user(6, "Bob")
    company.assign(5, 4, active=False)
    company.assign(6, 4, until=1)

    assert company.fired("dangling_role_assignment") == []


@pytest.mark.parametrize(("asked", "fires"), [(0, False), (1, True)])
@pytest.mark.parametrize("how", ["gone", "inactive", "moved"])
def test_dangling_role_assignment_is_not_of_assignments_from_before(
    company: Company, asked: int, fires: bool, how: str
) -> None:
    if how == "moved":
        company.user(5, "Ana", role_id=4, until=1)
        company.user(5, "Ana", role_id=2, since=1)
        company.coverage("roles/{id}", 4, "gone")
    else:
        company.user(5, "Ana")
        company.role(4, "Old", until=1)
        company.observed("roles", 4, 0)
        if how == "inactive":
            company.role(4, "Old", active=False, since=1)
    company.observed("user_roles", 5, 0, asked)
    company.assign(5, 4)

    assert company.fired("dangling_role_assignment") == ([("5", "4")] if fires else [])


def test_dangling_role_assignment_says_how(company: Company) -> None:
    company.role(4, "Old", active=False)
    company.user(5, "Ana", active=False)
    company.assign(5, 4, 99)
    company.coverage("roles/{id}", 99, "gone")

    assert company.table("rules.dangling_role_assignment", "title, severity") == [
        ("Ana (ana@example.com) is assigned to the role 99, which does not exist.", "high"),
        ("Ana (ana@example.com) is assigned to the role Old, which is inactive.", "high"),
    ]
    assert NIGHTS[0].isoformat(" ") in company.table("rules.dangling_role_assignment", "evidence")[0][0]


def entry(app: str | None, permission_set_id: str | None) -> dict[str, object]:
    return {"app": app, "admin": False, "permission_set_id": permission_set_id}


@pytest.mark.parametrize(
    ("outcome", "fires"),
    [("gone", True), ("refused", False), ("failed", False), ("answered", False), (None, False)],
)
def test_permission_set_that_does_not_exist_takes_proof(
    company: Company, outcome: str | None, fires: bool
) -> None:
    company.permission_set("a", ["can_x"])
    company.permission_set("b", None)
    company.coverage("permissionSets/{id}", "b", "gone")
    company.coverage("roles/{id}", "lost", "gone")
    company.user(5, "Ana", access=[entry("sales", "lost"), entry("global", "b"), entry("nova", None)])
    company.user(6, "Bob", access=[entry("sales", "a")])
    company.user(7, "Cid", access=None)
    if outcome:
        company.coverage("permissionSets/{id}", "lost", outcome)

    assert company.fired("dangling_permission_set") == ([("5", "lost")] if fires else [])


def test_proof_about_a_permission_set_lasts_until_it_is_listed(company: Company) -> None:
    company.user(5, "Ana", access=[entry("sales", "lost")])
    company.observed("permission_sets", "lost", 0)
    company.coverage("permissionSets/{id}", "lost", "failed")

    assert company.fired("dangling_permission_set") == [("5", "lost")]

    company.permission_set("lost", None)
    assert company.fired("dangling_permission_set") == []


@pytest.mark.parametrize(
    ("apps", "severity"),
    [
        (["sales"], "high"),
        (["nova"], "info"),
        (["nova", "sales"], "high"),
        ([None], "info"),
    ],
)
def test_dangling_permission_set_of_an_app_without_sets_is_for_information(
    company: Company, apps: list[str | None], severity: str
) -> None:
    company.permission_set("a", ["can_x"])
    company.user(5, "Ana", active=False, access=[entry(app, "lost") for app in apps])
    company.coverage("permissionSets/{id}", "lost", "gone")

    assert company.table("rules.dangling_permission_set", "subject_id, object, severity") == [
        ("5", "lost", severity)
    ]


def test_dangling_permission_set_says_what_a_reviewer_needs(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.user(5, "Ana", access=[entry("sales", "a")], until=1)
    company.user(5, "Ana", access=[entry("sales", "lost")], since=1)
    company.snapshot(1)
    company.user(6, "Bob", access=[entry("nova", "lost")])
    company.coverage("permissionSets/{id}", "lost", "gone")

    rows = company.table("rules.dangling_permission_set", "title, evidence")

    assert [title for title, _ in rows] == [
        "Ana (ana@example.com) has the permission set lost of sales, which does not exist.",
        "Bob (bob@example.com) has the permission set lost of nova, an app of which no permission set is"
        " listed.",
    ]
    assert json.loads(rows[0][1]) == {
        "user": "Ana (ana@example.com)",
        "active": True,
        "permission_set_id": "lost",
        "apps": ["sales"],
        "app_listed": True,
        "admin": False,
        "since": "2026-11-21 02:00:00",
        "last_login": "2026-11-20 02:00:00",
        "login_known": True,
    }
    assert json.loads(rows[1][1])["since"] == "2026-11-20 02:00:00"


@pytest.mark.parametrize(
    ("parents", "fires"),
    [
        ({20: 21, 21: 20}, [20, 21]),
        ({20: 21, 21: 22, 22: 20, 23: 20, 24: 23}, [20, 21, 22]),
        ({20: 21, 21: 20, 30: 31, 31: 30}, [20, 21, 30, 31]),
        ({20: 20, 21: 20}, []),
        ({20: None, 21: 20, 22: 21}, []),
    ],
)
def test_role_cycle(company: Company, parents: dict[int, int | None], fires: list[int]) -> None:
    for role_id, parent in parents.items():
        company.role(role_id, f"Role {role_id}", parent)

    assert company.fired("role_cycle") == [(str(role_id), None) for role_id in fires]


@pytest.mark.parametrize(
    ("outcome", "fires"),
    [("gone", True), ("refused", False), ("failed", False), ("answered", False), (None, False)],
)
def test_role_cycle_of_a_parent_that_does_not_exist_takes_proof(
    company: Company, outcome: str | None, fires: bool
) -> None:
    company.role(20, "Orphan", 99)
    company.role(21, "Below", 20)
    if outcome:
        company.coverage("roles/{id}", 99, outcome)

    assert company.fired("role_cycle") == ([("20", None)] if fires else [])


def test_role_cycle_of_a_parent_that_is_there(company: Company) -> None:
    company.role(19, "Old", 1, active=False)
    company.role(20, "Below", 19)
    company.observed("roles", 19, 0)
    company.coverage("roles/{id}", 19, "gone")

    assert company.fired("role_cycle") == []


def test_role_cycle_says_how(company: Company) -> None:
    company.role(20, "Left", 21)
    company.role(21, "Right", 22)
    company.role(22, None, 20)
    company.role(30, "Orphan", 99, active=None)
    company.observed("roles", 99, 0)
    company.user(5, "Ana")
    company.assign(5, 20)

    rows = company.table("rules.role_cycle", "subject_id, subject_kind, severity, title, evidence")

    assert [row[:4] for row in rows] == [
        ("20", "role", "medium", "The role Left is above itself, by way of Right, 22."),
        ("21", "role", "medium", "The role Right is above itself, by way of 22, Left."),
        ("22", "role", "medium", "The role 22 is above itself, by way of Left, Right."),
        ("30", "role", "medium", "The role Orphan is below the role 99, which does not exist."),
    ]
    assert json.loads(rows[0][4]) == {
        "role": "Left",
        "active": True,
        "parent_role_id": 21,
        "parent_exists": True,
        "loop_upwards": [
            {"role_id": 21, "role": "Right", "parent_role_id": 22},
            {"role_id": 22, "role": None, "parent_role_id": 20},
        ],
        "members": 1,
        "since": "2026-11-20 02:00:00",
    }
    assert json.loads(rows[3][4])["parent_exists"] is False


@pytest.mark.parametrize(
    ("one", "other", "fires"),
    [
        (["can_x", "can_y"], ["can_y", "can_x", "can_x"], True),
        ([], [], True),
        (["can_x"], ["can_x", "can_y"], False),
        (None, None, False),
        (None, ["can_x"], False),
    ],
)
def test_duplicate_permission_sets(
    company: Company, one: list[str] | None, other: list[str] | None, fires: bool
) -> None:
    company.permission_set("a", one)
    company.permission_set("b", other)
    company.permission_set("c", ["can_z"])

    assert company.fired("duplicate_permission_sets") == ([("a", None), ("b", None)] if fires else [])


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ({}, True),
        ({"app": "global"}, False),
        ({"app": None}, False),
        ({"type": "regular"}, True),
        ({"type": "admin"}, True),
        ({"until": 1}, False),
    ],
)
def test_duplicate_permission_sets_are_of_one_app(
    company: Company, values: dict[str, Any], fires: bool
) -> None:
    company.permission_set("a", ["can_x"])
    company.permission_set("b", ["can_x"], **values)

    assert company.fired("duplicate_permission_sets") == ([("a", None), ("b", None)] if fires else [])


def test_admin_sets_that_list_nothing_are_not_compared(company: Company) -> None:
    for set_id in ("a", "b"):
        company.permission_set(set_id, [], type="admin")

    assert company.fired("duplicate_permission_sets") == []


def test_duplicate_permission_sets_list_the_others(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.permission_set("b", ["can_x"], name=None)
    company.user(5, "Ana", access=[entry("sales", "b"), entry("global", "b")])

    rows = company.table("rules.duplicate_permission_sets", "subject_kind, severity, title, evidence")

    assert [row[:3] for row in rows] == [
        ("permission_set", "low", "The permission set A of sales grants the same as another one."),
        ("permission_set", "low", "The permission set b of sales grants the same as another one."),
    ]
    assert json.loads(rows[0][3]) == {
        "set": "A",
        "app": "sales",
        "type": "custom",
        "contents": ["can_x"],
        "users": 0,
        "since": "2026-11-20 02:00:00",
        "sets": 2,
        "first_others": [{"permission_set_id": "b", "set": None, "type": "custom", "users": 1}],
    }


@pytest.fixture
def quiet(new_company: Callable[[str], Company]) -> Company:
    """A company of two snapshots, the second 7 days after the first; role 3 has one below it."""
    other = new_company("quiet")
    other.snapshot(0)
    other.snapshot(1, started_at=NIGHTS[0] + timedelta(days=7))
    other.role(1, "(Unassigned users)")
    other.role(2, "Empty", 1)
    other.role(3, "Above", 1)
    other.role(4, "Below", 3)
    other.user(9, "Zoe")
    other.assign(9, 4)
    return other


def test_empty_role(quiet: Company) -> None:
    assert quiet.fired("empty_role") == [("2", None)]
    [(kind, severity, title, evidence)] = quiet.table(
        "rules.empty_role", "subject_kind, severity, title, evidence"
    )
    assert (kind, severity, title) == (
        "role",
        "low",
        "No active user is in the role Empty, nor is a role below it, since at least 2026-11-20.",
    )
    assert json.loads(evidence) == {
        "role": "Empty",
        "parent_role_id": 1,
        "parent_role": "(Unassigned users)",
        "first_seen": "2026-11-20 02:00:00",
        "empty_since": "2026-11-20 02:00:00",
        "days_empty": 7,
        "last_member": None,
        "last_member_until": None,
        "assignment_count": None,
        "sub_role_count": None,
        "threshold_days": 7,
    }


@pytest.mark.parametrize(
    ("user", "active", "fires"),
    [
        ({}, True, False),
        ({}, None, False),
        ({}, False, True),
        ({"active": False}, True, True),
        ({"deleted": True}, True, True),
        ({"active": None}, True, False),
    ],
)
def test_empty_role_has_no_active_member(
    quiet: Company, user: dict[str, Any], active: bool | None, fires: bool
) -> None:
    quiet.user(5, "Ana", **user)
    quiet.assign(5, 2, active=active)

    assert quiet.fired("empty_role") == ([("2", None)] if fires else [])


@pytest.mark.parametrize(("since", "fires"), [(timedelta(0), True), (timedelta(seconds=1), False)])
@pytest.mark.parametrize("change", ["role came", "member left", "member deactivated", "sub-role moved"])
def test_empty_role_is_empty_for_seven_days(
    quiet: Company, change: str, since: timedelta, fires: bool
) -> None:
    moment = NIGHTS[0] + since
    before = NIGHTS[0] - timedelta(days=30)

    def version(table: str, start: datetime, end: datetime | None, **values: Any) -> None:
        quiet.insert(table, valid_from=start, valid_to=end, **values)

    role = {"role_id": 20, "name": "Late", "parent_role_id": 1, "active": True}
    if change == "role came":
        version("roles", before, moment, **(role | {"active": False}))
        version("roles", moment, None, **role)
    else:
        version("roles", before, None, **role)
    quiet.assign(5, 1)
    if change == "member left":
        quiet.user(5, "Ana")
        version("user_roles", before, moment, user_id=5, role_id=20, active=True)
        quiet.connection.execute("UPDATE history.users SET valid_from = ? WHERE user_id = 5", [before])
    if change == "member deactivated":
        quiet.user(5, "Ana", active=False)
        quiet.connection.execute("UPDATE history.users SET valid_from = ? WHERE user_id = 5", [moment])
        version("users", before, moment, user_id=5, active=True)
        version("user_roles", before, None, user_id=5, role_id=20, active=True)
    if change == "sub-role moved":
        version("roles", before, moment, role_id=21, name="Child", parent_role_id=20, active=True)
        version("roles", moment, None, role_id=21, name="Child", parent_role_id=4, active=True)

    assert (("20", None) in quiet.fired("empty_role")) == fires
    if change.startswith("member") and fires:
        told = quiet.rows("SELECT title, evidence FROM rules.empty_role WHERE subject_id = '20'")
        assert told[0][0] == "No active user is in the role Late, nor is a role below it, since 2026-11-20."
        assert json.loads(told[0][1])["last_member"] == "Ana (ana@example.com)"


@pytest.mark.parametrize("active", [False, None])
def test_empty_role_is_active(quiet: Company, active: bool | None) -> None:
    quiet.role(5, "Gone", 1, active=active)

    assert quiet.fired("empty_role") == [("2", None)]


@pytest.mark.parametrize(("name", "fires"), [("(Unassigned users)", False), ("Board", True), (None, False)])
def test_empty_role_is_not_the_default_one(company: Company, name: str | None, fires: bool) -> None:
    other = Company(company.connection, "other")
    other.snapshot(1, started_at=NIGHTS[0] + timedelta(days=7))
    other.role(1, name, 1)

    assert other.fired("empty_role") == ([("1", None)] if fires else [])


@pytest.mark.parametrize(
    ("role_id", "fires"), [(2, []), (4, [("2", None)]), (None, [])], ids=["here", "elsewhere", "nowhere"]
)
def test_empty_role_may_have_a_member_who_was_never_answered_for(
    quiet: Company, role_id: int | None, fires: list[object]
) -> None:
    quiet.user(5, "Ana", role_id=role_id)

    assert quiet.fired("empty_role") == fires


def test_empty_role_is_in_no_loop(quiet: Company) -> None:
    quiet.role(20, "Left", 21)
    quiet.role(21, "Right", 20)
    quiet.role(22, "Leaf", 20)

    assert quiet.fired("empty_role") == [("2", None), ("22", None)]


@pytest.fixture
def counting(new_company: Callable[[str], Company]) -> Company:
    """Role 2 lists four: an active one, an inactive assignment, a deactivated user, and both."""
    other = new_company("counting")
    other.snapshot(0)
    for user_id, live, active in [(5, True, True), (6, True, False), (7, False, True), (8, False, False)]:
        other.user(user_id, f"User{user_id}", active=live, access=[entry("sales", "a")])
        other.assign(user_id, 2, active=active)
    other.role(2, "Sales")
    other.observed("roles", 2, 0)
    other.permission_set("a", ["can_x"])
    other.observed("permission_sets", "a", 0)
    return other


def count(company: Company, role: int | None = None, permission_set: int | None = None) -> None:
    company.insert("roles_latest", role_id=2, assignment_count=role)
    company.insert("permission_sets_latest", permission_set_id="a", assignment_count=permission_set)


@pytest.mark.parametrize(
    ("number", "fires"),
    [(0, True), (1, False), (2, False), (3, True), (4, False), (5, True), (None, False)],
)
def test_count_mismatch_of_a_role(counting: Company, number: int | None, fires: bool) -> None:
    count(counting, role=number)

    assert counting.fired("count_mismatch") == ([("2", None)] if fires else [])


@pytest.mark.parametrize(
    ("number", "fires"),
    [(1, True), (2, False), (3, True), (4, False), (5, True), (None, False)],
)
def test_count_mismatch_of_a_permission_set(counting: Company, number: int | None, fires: bool) -> None:
    count(counting, permission_set=number)

    assert counting.fired("count_mismatch") == ([("a", None)] if fires else [])


@pytest.mark.parametrize(
    ("number", "fires"),
    [(0, ["a"]), (1, []), (4, []), (5, []), (6, ["2", "a"])],
)
def test_count_mismatch_allows_for_who_is_not_known(counting: Company, number: int, fires: list[str]) -> None:
    counting.user(9, "Never asked", access=None)
    count(counting, role=number, permission_set=number)

    assert counting.fired("count_mismatch") == [(subject, None) for subject in fires]


def test_count_mismatch_compares_what_was_told_at_once(counting: Company) -> None:
    counting.snapshot(1)
    count(counting, role=4, permission_set=4)
    counting.connection.execute(
        "UPDATE history.user_roles SET valid_to = ? WHERE user_id = 5 AND company = 'counting'", [NIGHTS[1]]
    )
    counting.connection.execute(
        "UPDATE history.users SET valid_to = ? WHERE user_id = 5 AND company = 'counting'", [NIGHTS[1]]
    )
    counting.versions("users", 1, None, user_id=5, active=True, access=[])
    counting.connection.execute(
        "UPDATE history.observations SET last_at = ? WHERE history_table = 'user_roles'", [NIGHTS[1]]
    )

    assert counting.fired("count_mismatch") == [], "the lists of roles and sets are of the night before"

    counting.connection.execute("UPDATE history.observations SET last_at = ?", [NIGHTS[1]])
    assert counting.fired("count_mismatch") == [("2", None), ("a", None)]


def test_count_mismatch_counts_a_set_of_two_apps_once_or_twice(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.observed("permission_sets", "a", 0)
    company.user(5, "Ana", access=[entry("sales", "a"), entry("global", "a"), entry("nova", None)])
    company.insert("permission_sets_latest", permission_set_id="a", assignment_count=1)
    assert company.fired("count_mismatch") == []

    company.connection.execute("UPDATE history.permission_sets_latest SET assignment_count = 2")
    assert company.fired("count_mismatch") == []

    company.connection.execute("UPDATE history.permission_sets_latest SET assignment_count = 3")
    assert company.fired("count_mismatch") == [("a", None)]


def test_count_mismatch_counts_all_who_have_a_set_beside_different_others(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.observed("permission_sets", "a", 0)
    company.user(5, "Ana", access=[entry("sales", "a")])
    company.user(6, "Bob", access=[entry("sales", "a"), entry("nova", "b")])
    company.user(7, "Cat", access=[entry("nova", "b")])
    company.insert("permission_sets_latest", permission_set_id="a", assignment_count=1)
    assert company.table("rules.count_mismatch", "title") == [
        ("Pipedrive counts 1 users of the permission set A, but lists 2.",)
    ]

    company.connection.execute("UPDATE history.permission_sets_latest SET assignment_count = 2")
    assert company.fired("count_mismatch") == []


def test_count_mismatch_allows_for_a_set_that_was_given_or_taken_meanwhile(company: Company) -> None:
    company.permission_set("a", ["can_x"])
    company.observed("permission_sets", "a", 0)
    company.user(5, "Ana", access=[entry("sales", "a")])
    company.user(6, "Bob", access=[entry("sales", "a")], access_given=False)
    company.insert("permission_sets_latest", permission_set_id="a", assignment_count=1)
    assert company.fired("count_mismatch") == []

    company.connection.execute("UPDATE history.users_latest SET access_given = TRUE")
    assert company.fired("count_mismatch") == [("a", None)]


def test_count_mismatch_says_what_was_compared(counting: Company) -> None:
    count(counting, role=7, permission_set=9)

    rows = counting.table("rules.count_mismatch", "subject_kind, severity, title, evidence")

    assert [row[:3] for row in rows] == [
        ("permission_set", "info", "Pipedrive counts 9 users of the permission set A, but lists 4."),
        ("role", "info", "Pipedrive counts 7 users of the role Sales, but lists 4."),
    ]
    assert json.loads(rows[1][3]) == {
        "counted": 7,
        "listed": 4,
        "listed_live": 2,
        "not_known": 0,
        "compared_at": "2026-11-20 02:00:00",
    }
