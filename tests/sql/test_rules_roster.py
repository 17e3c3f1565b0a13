"""Rules that compare users with the company's roster."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from .literal import NIGHTS, Company

ADMIN = [{"app": "sales", "admin": True, "permission_set_id": "boss"}]
LEAVER, ACTIVE, UNKNOWN = ("left", True), ("active", False), ("gone fishing", None)

Status = tuple[str, bool | None]


def roster(company: Company, *rows: tuple[Any, ...]) -> None:
    """The roster: address, status, expected role and problem of each row, from line 2 on."""
    company.policy(
        roster=[
            (line, email, *status, "Mara", *(*rest, None, None)[:2])
            for line, (email, status, *rest) in enumerate(rows, start=2)
        ]
    )


@pytest.mark.parametrize(
    ("user", "row", "severity"),
    [
        ({}, ("ana@example.com", LEAVER), "high"),
        ({"access": ADMIN}, ("ana@example.com", LEAVER), "critical"),
        ({"access": None}, ("ana@example.com", LEAVER), "high"),
        ({"email": " ANA@Example.com "}, ("ana@example.com", LEAVER), "high"),
        ({"deleted": None}, ("ana@example.com", LEAVER), "high"),
        ({}, ("ana@example.com", ACTIVE), None),
        ({}, ("ana@example.com", UNKNOWN), None),
        ({}, ("ana@example.com", LEAVER, None, "is twice there"), None),
        ({}, ("ana@example.org", LEAVER), None),
        ({}, (None, LEAVER), None),
        ({"email": None}, (None, LEAVER, None, "has no address"), None),
        ({"email": None}, ("ana@example.com", LEAVER), None),
        ({"active": False}, ("ana@example.com", LEAVER), None),
        ({"active": None}, ("ana@example.com", LEAVER), None),
        ({"deleted": True}, ("ana@example.com", LEAVER), None),
    ],
)
def test_leaver_still_active(
    company: Company, user: dict[str, Any], row: tuple, severity: str | None
) -> None:
    company.user(5, "Ana", **user)
    roster(company, row)

    found = company.table("rules.leaver_still_active", "subject_id, object, severity")
    assert found == ([("5", None, severity)] if severity else [])


def test_evidence_of_a_leaver(company: Company) -> None:
    company.role(3, "Sales")
    company.permission_set("boss", ["can_x"])
    company.user(5, "Ana", access=ADMIN, last_login=NIGHTS[0] - timedelta(days=8))
    company.assign(5, 3)
    roster(company, ("ana@example.com", LEAVER))

    [(title, evidence)] = company.table("rules.leaver_still_active", "title, evidence")

    assert title == 'Ana (ana@example.com) is "left" on the roster, but an active admin.'
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "roster_line": 2,
        "roster_status": "left",
        "manager": "Mara",
        "admin": True,
        "admin_apps": ["sales"],
        "last_login": "2026-11-12 02:00:00",
        "login_known": True,
        "days_since_login": 8,
        "created": "2025-11-20 02:00:00",
        "first_seen": "2026-11-20 02:00:00",
        "roles": [{"role_id": 3, "role": "Sales", "since": "2026-11-20 02:00:00"}],
        "permission_sets": ["Boss"],
    }


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({}, True),
        ({"email": " eve@other.com"}, True),
        ({"email": "Ana@Example.com "}, False),
        ({"email": "bad@example.com"}, False),
        ({"email": None}, False),
        ({"email": ""}, False),
        ({"email": "deleted"}, False),
        ({"active": False}, False),
        ({"active": None}, False),
        ({"deleted": True}, False),
        ({"user_id": 1}, False),  # whose token collects
    ],
)
def test_not_on_roster(company: Company, user: dict[str, Any], fires: bool) -> None:
    roster(company, ("ana@example.com", ACTIVE), ("bad@example.com", UNKNOWN, None, "is no status"))
    company.user(**{"user_id": 5, "name": "Eve"} | user)

    assert company.fired("not_on_roster") == ([("5", None)] if fires else [])


def test_evidence_of_a_stranger(company: Company) -> None:
    roster(company, ("ana@example.com", ACTIVE), ("ben@example.com", ACTIVE))
    company.user(5, "Eve", last_login=None)

    [(title, severity, evidence)] = company.table("rules.not_on_roster", "title, severity, evidence")

    assert (title, severity) == ("Eve (eve@example.com) can sign in but is not on the roster.", "medium")
    evidence_read = json.loads(evidence)
    assert (
        evidence_read["roster_rows"],
        evidence_read["last_login"],
        evidence_read["roles"],
        evidence_read["admin"],
    ) == (2, None, [], False)


@pytest.mark.parametrize("rule", ["leaver_still_active", "not_on_roster", "expected_role_differs"])
def test_a_company_without_a_roster(company: Company, rule: str) -> None:
    company.user(5, "Ana")
    company.assign(5)
    beta = Company(company.connection, "beta")
    beta.snapshot(0)
    roster(beta, ("ana@example.com", LEAVER, "Sales"))

    assert company.fired(rule) == []


NAMED = ((3, "Sales"), (4, " Help desk"), (5, "Sales \u00a0 Rep"))


@pytest.mark.parametrize(
    ("row", "assigned", "fires"),
    [
        (("ana@example.com", ACTIVE, "Sales"), [4], "Sales"),
        (("ana@example.com", ACTIVE, "Sales"), [], "Sales"),
        (("ana@example.com", ACTIVE, "Nowhere"), [3], "Nowhere"),
        (("ana@example.com", ACTIVE, "SALES"), [3], None),
        (("ana@example.com", ACTIVE, "help DESK"), [4], None),
        (("ana@example.com", ACTIVE, "Sales Rep"), [5], None),
        (("ana@example.com", ACTIVE, "SalesRep"), [5], "SalesRep"),
        (("ana@example.com", ACTIVE, "Sales"), [4, 3], None),
        (("ana@example.com", ACTIVE), [4], None),
        (("ana@example.com", LEAVER, "Sales"), [4], None),
        (("ana@example.com", UNKNOWN, "Sales"), [4], None),
        (("ana@example.com", ACTIVE, "Sales", "is twice there"), [4], None),
        # a role of which the name is not known may be the one, but for one that is proven missing
        (("ana@example.com", ACTIVE, "Sales"), [7], None),
        (("ana@example.com", ACTIVE, "Sales"), [8], None),
        (("ana@example.com", ACTIVE, "Sales"), [9], "Sales"),
        (("ana@example.com", ACTIVE, "Sales"), [3, 7], None),
    ],
)
def test_expected_role_differs(company: Company, row: tuple, assigned: list[int], fires: str | None) -> None:
    for role_id, name in NAMED:
        company.role(role_id, name)
    company.role(7, None)
    company.coverage("roles/{id}", 9, "gone")
    company.user(5, "Ana")
    company.assign(5, *assigned)
    roster(company, row)

    assert company.fired("expected_role_differs") == ([("5", fires)] if fires else [])


@pytest.mark.parametrize(
    ("listed", "fires"), [(False, [("5", "Sales")]), (True, [])], ids=["not listed", "listed without a name"]
)
def test_that_a_role_is_missing_is_proven_until_it_is_listed(
    company: Company, listed: bool, fires: list[tuple[str, str]]
) -> None:
    company.user(5, "Ana")
    company.assign(5, 9)
    company.observed("roles", 9, 0)
    company.coverage("roles/{id}", 9, "refused")
    if listed:
        company.role(9, None)
    roster(company, ("ana@example.com", ACTIVE, "Sales"))

    assert company.fired("expected_role_differs") == fires


def test_assignments_that_are_not_known_or_not_active(company: Company) -> None:
    for role_id, name in NAMED:
        company.role(role_id, name)
    for user_id, name in enumerate(("Never", "Maybe", "Was", "Gone"), start=1):
        company.user(user_id, name, active=name != "Gone")
    company.assign(2, 3, active=None)
    company.assign(3, 3, active=False)
    company.assign(4, 4)
    roster(company, *((f"{name}@example.com", ACTIVE, "Sales") for name in ("never", "maybe", "was", "gone")))

    assert company.fired("expected_role_differs") == [("3", "Sales")]


def test_evidence_of_another_role(company: Company) -> None:
    company.role(3, "Sales")
    company.role(4, "Help")
    company.user(5, "Ana")
    company.assign(5, 4)
    company.user(6, "Ben")
    company.assign(6)
    roster(company, ("ana@example.com", ACTIVE, "sales"), ("ben@example.com", ACTIVE, "Sails"))

    found = company.table("rules.expected_role_differs", "title, severity, evidence")

    assert [(title, severity) for title, severity, _ in found] == [
        ("Ana (ana@example.com) should be in the role sales but is in Help.", "medium"),
        (
            "Ben (ben@example.com) should be in the role Sails, which is none of the roles known,"
            " but is in none.",
            "medium",
        ),
    ]
    ana, ben = (json.loads(evidence) for _, _, evidence in found)
    assert (ana["roster_line"], ana["expected_role_known"], ana["expected_role_ids"]) == (2, True, [3])
    assert ana["roles"] == [{"role_id": 4, "role": "Help", "since": "2026-11-20 02:00:00"}]
    assert (ben["roster_line"], ben["expected_role_known"], ben["roles"]) == (3, False, [])
