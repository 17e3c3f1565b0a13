"""Rules about roles and who is in them."""

from __future__ import annotations

import json

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


def test_role_mismatch_says_which(company: Company) -> None:
    company.user(5, "Ana", role_id=2, active=False)
    company.assign(5, 3, 1)

    [(title, evidence)] = company.table("rules.role_mismatch", "title, evidence")

    assert title == "Ana (ana@example.com) is listed with the role Sales, but not assigned to it."
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "active": False,
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
