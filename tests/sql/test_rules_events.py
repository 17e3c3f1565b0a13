"""Rules about what happened between two snapshots."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from .literal import NIGHTS, SHIPPED, Company

LONG_AGO = NIGHTS[0] - timedelta(days=365)


@pytest.fixture
def company(company: Company) -> Company:
    """Five nights in a row."""
    for night in (1, 2, 3, 4):
        company.snapshot(night)
    return company


def entry(
    app: str | None = "sales", admin: bool | None = False, permission_set_id: str | None = None
) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


ADMIN, USER = [entry(admin=True)], [entry()]


def thresholds(company: Company, **values: float) -> None:
    """Change some thresholds."""
    entries = dict(SHIPPED.rows()["thresholds"]) | values
    company.policy(thresholds=sorted(entries.items()))


def user(company: Company, user_id: int, *versions: dict[str, Any] | None, **same: Any) -> None:
    """A user, night by night: what is so from then on, or None while it is as before."""
    changes = [(night, version) for night, version in enumerate(versions) if version is not None]
    for (night, version), following in zip(changes, [*changes[1:], None], strict=True):
        until = following[0] if following else None
        company.user(user_id, "Ana", since=night, until=until, **(same | version))


def events(company: Company, rule: str) -> list[tuple[str, str | None, str]]:
    """Subject, object and snapshot of what a rule finds."""
    return company.table(f"rules.{rule}", "subject_id, object, snapshot_id")


def finding(company: Company, rule: str) -> tuple[str, str, dict[str, Any]]:
    """Severity, title and evidence of the only finding of a rule."""
    [(severity, title, evidence)] = company.table(f"rules.{rule}", "severity, title, evidence")
    return severity, title, json.loads(evidence)


def compared(before: int, after: int, *, status: str = "complete") -> dict[str, Any]:
    """What the evidence says of the two snapshots."""

    def read(night: int, status: str) -> dict[str, Any]:
        return {
            "snapshot_id": f"s{night}", "read_at": str(NIGHTS[night]), "status": status, "collect": None,
        }  # fmt: skip

    return {"before": read(before, "complete"), "after": read(after, status)}


# admin_granted


@pytest.mark.parametrize(
    ("nights", "found"),
    [
        # just not: no change, taken away since, or an admin from the first night on
        ([{"access": USER}], []),
        ([{"access": ADMIN}], []),
        ([{"access": USER}, {"access": ADMIN}, {"access": USER}], []),
        ([{"access": USER}, {"access": ADMIN}], [("1", "sales", "s1")]),
        ([{"access": USER}, {"access": ADMIN}, {"access": USER}, {"access": ADMIN}], [("1", "sales", "s3")]),
        # of a second app
        ([{"access": ADMIN}, None, {"access": [*ADMIN, entry("global", True)]}], [("1", "global", "s2")]),
        # what is said for the first time
        ([{"access": None}, {"access": ADMIN}], []),
        ([{"access": None, "is_admin": False}, {"access": ADMIN, "is_admin": True}], []),
        ([{"access": None, "is_admin": None}, {"access": None, "is_admin": True}], []),
        # by the older field alone
        ([{"access": None, "is_admin": False}, {"access": None, "is_admin": True}], [("1", None, "s1")]),
        (
            [{"access": None, "is_admin": False}, {"access": None, "is_admin": True},
             {"access": None, "is_admin": False}],
            [],
        ),
        # dirt: an entry that does not say, no app, the same twice
        ([{"access": USER}, {"access": [entry(admin=None)]}, {"access": USER}], []),
        ([{"access": ADMIN}, {"access": [entry(admin=None)]}, {"access": ADMIN}], []),
        ([{"access": USER}, {"access": [entry(admin=None)]}, {"access": ADMIN}], [("1", "sales", "s2")]),
        ([{"access": USER}, {"access": [entry(None, True)]}], [("1", None, "s1")]),
        ([{"access": USER}, {"access": [*ADMIN, entry(), *ADMIN]}], [("1", "sales", "s1")]),
        ([{"access": []}, {"access": [entry(None, None)]}], []),
    ],
)  # fmt: skip
def test_admin_granted(company: Company, nights: list[Any], found: list[Any]) -> None:
    user(company, 1, *nights)

    assert events(company, "admin_granted") == found


def test_admin_granted_is_not_of_who_is_new_or_gone(company: Company) -> None:
    company.user(1, "Ana", access=ADMIN, since=2)
    company.user(2, "Bob", access=USER, until=1)
    company.user(2, "Bob", access=ADMIN, since=1, until=3)

    assert events(company, "admin_granted") == []


def test_admin_granted_says_what_changed(company: Company) -> None:
    user(
        company, 1, {"access": USER}, None, {"access": [entry("account_settings", True), *ADMIN]},
        last_login=NIGHTS[1],
    )  # fmt: skip

    assert company.table("rules.admin_granted", "object, severity, title") == [
        ("account_settings", "critical", "Ana (ana@example.com) has become an admin of account_settings."),
        ("sales", "high", "Ana (ana@example.com) has become an admin of sales."),
    ]
    [(evidence,)] = company.rows("SELECT evidence FROM rules.admin_granted WHERE object = 'sales'")
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "active": True,
        "app": "sales",
        "admin_apps_before": [],
        "admin_apps": ["account_settings", "sales"],
        "is_admin_before": None,
        "is_admin": None,
        "since": str(NIGHTS[2]),
        "snapshots": compared(1, 2),
        "last_login": str(NIGHTS[1]),
        "login_known": True,
        "created": str(LONG_AGO),
        "first_seen": str(NIGHTS[0]),
    }


@pytest.mark.parametrize(("days", "found"), [(2, True), (1, False)])
def test_event_is_open_for_so_many_days(company: Company, days: int, found: bool) -> None:
    thresholds(company, event_open_days=days)
    user(company, 1, {"access": USER}, None, {"access": ADMIN})

    assert events(company, "admin_granted") == ([("1", "sales", "s2")] if found else [])


def test_event_names_the_accepted_snapshots(connection: Any) -> None:
    company = Company(connection)
    for night, status in enumerate(["complete", "partial", "rejected", "complete"]):
        company.snapshot(night, status)
    user(company, 1, {"access": USER}, None, None, {"access": ADMIN})

    evidence_read = finding(company, "admin_granted")[2]["snapshots"]
    assert [(read["snapshot_id"], read["status"]) for read in evidence_read.values()] == [
        ("s1", "partial"),
        ("s3", "complete"),
    ]


# new_user_admin


@pytest.mark.parametrize(
    ("created", "nights", "found"),
    [
        # the week is up to and including the seventh day
        (NIGHTS[2] - timedelta(days=7), [{"access": USER}, None, {"access": ADMIN}], "s2"),
        (NIGHTS[2] - timedelta(days=7, seconds=1), [{"access": USER}, None, {"access": ADMIN}], None),
        # an admin from the first time on that we saw the user
        (NIGHTS[1] - timedelta(hours=3), [None, {"access": ADMIN}], "s1"),
        (NIGHTS[0] - timedelta(hours=3), [{"access": ADMIN}], None),
        # creation not known, or yet to come: the day when first seen counts
        (None, [None, {"access": USER}, None, {"access": ADMIN}], "s3"),
        (datetime(2099, 1, 1), [None, {"access": USER}, {"access": ADMIN}], "s2"),  # noqa: DTZ001
        # no longer one; not without a break
        (NIGHTS[0], [{"access": USER}, {"access": ADMIN}, {"access": USER}], None),
        (NIGHTS[0], [{"access": USER}, {"access": ADMIN}, {"access": USER}, {"access": ADMIN}], "s3"),
        # of a second app
        (NIGHTS[0], [{"access": ADMIN}, {"access": [*ADMIN, entry("global", True)]}], None),
        # said for the first time, of one whom we knew and of a new one
        (NIGHTS[0], [{"access": None}, {"access": ADMIN}], None),
        (NIGHTS[1], [None, {"access": None}, {"access": ADMIN}], "s2"),
        (NIGHTS[0], [{"access": None, "is_admin": False}, {"access": None, "is_admin": True}], "s1"),
    ],
)  # fmt: skip
def test_new_user_admin(
    company: Company, created: datetime | None, nights: list[Any], found: str | None
) -> None:
    user(company, 1, *nights, created=created)

    assert events(company, "new_user_admin") == ([("1", None, found)] if found else [])


def test_new_user_admin_counts_from_when_first_seen(company: Company) -> None:
    thresholds(company, new_user_admin_days=1)
    user(company, 1, {"access": USER}, None, {"access": ADMIN}, created=None)

    assert events(company, "new_user_admin") == []


def test_new_user_admin_says_how_new(company: Company) -> None:
    company.user(1, "Ana", access=ADMIN, since=2, created=NIGHTS[0], last_login=None)
    company.user(2, "Bob", access=USER, since=1, until=3, created=None)
    company.user(2, "Bob", access=ADMIN, since=3, created=None)

    assert company.table("rules.new_user_admin", "title") == [
        ("Ana (ana@example.com) is new, and an admin of sales, 2 days after the account was created.",),
        ("Bob (bob@example.com) has become an admin of sales, 2 days after the account was first seen.",),
    ]
    [(evidence,)] = company.rows("SELECT evidence FROM rules.new_user_admin WHERE subject_id = '1'")
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "active": True,
        "admin_apps": ["sales"],
        "since": str(NIGHTS[2]),
        "snapshots": compared(1, 2),
        "created": str(NIGHTS[0]),
        "first_seen": str(NIGHTS[2]),
        "days": 2,
        "threshold_days": 7,
        "last_login": None,
        "login_known": True,
    }


# reactivated_user

OFF, ON = {"active": False}, {"active": True}


@pytest.mark.parametrize(
    ("nights", "found"),
    [
        ([OFF, None, ON], "s2"),
        ([ON, OFF, ON], "s2"),
        ([OFF, ON, OFF], None),
        ([OFF, ON, OFF, ON], "s3"),
        ([ON, OFF], None),
        ([None, ON], None),
        # not known for a while, or at first
        ([OFF, {"active": None}, ON], "s2"),
        ([ON, {"active": None}, ON], None),
        ([{"active": None}, ON], None),
        # deleted: not by being active alone
        ([{"deleted": True}, {"deleted": False}], "s1"),
        ([{"deleted": True}, {"deleted": None}], "s1"),
        ([OFF | {"deleted": True}, ON | {"deleted": True}], None),
        ([OFF | {"deleted": True}, OFF], None),
        ([OFF | {"deleted": True}, OFF, ON], "s2"),
        ([OFF | {"deleted": True}, ON], "s1"),
        ([OFF, ON, {"deleted": True}], None),
    ],
)
def test_reactivated_user(company: Company, nights: list[Any], found: str | None) -> None:
    user(company, 1, *nights)

    assert events(company, "reactivated_user") == ([("1", None, found)] if found else [])


def test_reactivated_user_is_not_one_who_was_gone(company: Company) -> None:
    company.user(1, "Ana", active=False, until=1)
    company.user(1, "Ana", since=3)

    assert events(company, "reactivated_user") == []


def test_reactivated_user_says_what_came_back(company: Company) -> None:
    company.role(5, "Sales")
    company.permission_set("a", ["can_use_api"])
    user(company, 1, ON, OFF, None, ON, access=[entry(permission_set_id="a"), entry("x", True, "gone")])
    company.assign(1, 5, 99)
    company.flags(1, can_use_api=True, can_add_deals=True, can_delete_deals=None)

    assert finding(company, "reactivated_user") == (
        "medium",
        "Ana (ana@example.com) was deactivated and is active again.",
        {
            "user": "Ana (ana@example.com)",
            "before": "deactivated",
            "after": "active",
            "away_since": str(NIGHTS[1]),
            "since": str(NIGHTS[3]),
            "snapshots": compared(2, 3),
            "last_login": str(NIGHTS[0]),
            "login_known": True,
            "created": str(LONG_AGO),
            "first_seen": str(NIGHTS[0]),
            "admin_apps": ["x"],
            "roles": ["99", "Sales"],
            "permission_sets": ["A", "gone"],
            "permissions": 2,
            "sensitive_permissions": ["can_use_api"],
            "permissions_observed_at": str(NIGHTS[0]),
        },
    )


# permission_set_changed


def contents(company: Company, *nights: list[str] | None, first: int = 0) -> None:
    """A set, night by night."""
    for number, flags in enumerate(nights, start=first):
        last = number == first + len(nights) - 1
        company.permission_set("a", flags, since=number, until=None if last else number + 1)


@pytest.mark.parametrize(
    ("nights", "found"),
    [
        ([["x"], ["x", "y"]], ["s1"]),
        ([["x", "y"], ["x"]], ["s1"]),
        ([["x"], []], ["s1"]),
        ([["x"]], []),
        # not known at first, or for a while
        ([None, ["x"]], []),
        ([["x"], None, ["x"]], []),
        ([["x"], None, ["y"]], ["s2"]),
        # put back: that is an edit, too
        ([["x"], ["y"], ["x"]], ["s2"]),
        ([["x"], ["y"], ["x"], ["y"]], ["s3"]),
        # all that was added is out again, though the contents are others
        ([["x"], ["x", "y"], ["x", "z"]], ["s2"]),
        ([["x"], ["x", "y", "z"], ["x", "z"]], ["s1", "s2"]),
        # the same flag twice is one
        ([["x"], ["x", "y", "y"]], ["s1"]),
    ],
)
def test_permission_set_changed(company: Company, nights: list[Any], found: list[str]) -> None:
    contents(company, *nights)

    assert events(company, "permission_set_changed") == [("a", None, night) for night in found]


def test_permission_set_changed_is_not_of_a_new_one_or_one_that_is_gone(company: Company) -> None:
    contents(company, ["x"], ["y"], first=1)
    company.permission_set("b", ["x"], until=1)
    company.permission_set("b", ["y"], since=1, until=2)

    assert events(company, "permission_set_changed") == [("a", None, "s2")]


def test_permission_set_changed_says_whom_it_reaches(company: Company) -> None:
    contents(company, ["x", "y"], ["w", "y", "z"], ["y", "z"])
    for number in range(1, 31):
        # who has it twice has it once
        company.user(
            number, f"User{number}", access=[entry("sales", permission_set_id="a"),
            entry("global", permission_set_id="a")], active=number > 4,
        )  # fmt: skip
    company.user(31, "Other", access=[entry(permission_set_id="b")])
    company.user(32, "Nobody", access=None)

    [(title, evidence)] = company.rows(
        "SELECT title, evidence FROM rules.permission_set_changed WHERE snapshot_id = 's1'"
    )
    assert title == (
        "The permission set A of sales now grants w, z, and no longer grants x; 26 active users have it."
    )
    evidence_read = json.loads(evidence)
    assert evidence_read.pop("first_assignees") == [
        f"User{number} (user{number}@example.com)" for number in range(5, 25)
    ]
    assert evidence_read == {
        "permission_set": "A",
        "app": "sales",
        "type": "custom",
        "added": ["w", "z"],
        "removed": ["x"],
        "still_added": ["z"],
        "still_removed": ["x"],
        "contents": ["y", "z"],
        "since": str(NIGHTS[1]),
        "snapshots": compared(0, 1),
        "assignees": 30,
        "active_assignees": 26,
    }


# role_moved


def parents(company: Company, role_id: int, *nights: int | None, first: int = 0) -> None:
    """A role, night by night."""
    for number, parent in enumerate(nights, start=first):
        last = number == first + len(nights) - 1
        company.role(role_id, "Moved", parent, since=number, until=None if last else number + 1)


@pytest.mark.parametrize(
    ("nights", "found"),
    [
        ([1, 2], ["s1"]),
        ([1, 1], []),
        ([None, 2], ["s1"]),
        ([1, None], ["s1"]),
        # without a parent, or its own: a root
        ([None, 7], []),
        ([7, None], []),
        ([7, 1], ["s1"]),
        # back; on; back from there
        ([1, 2, 1], ["s2"]),
        ([1, 2, 3], ["s1", "s2"]),
        ([1, 2, 3, 1], ["s2", "s3"]),
        ([1, 2, 1, 2], ["s3"]),
        ([1, None, 7, 1], ["s3"]),
        # to one that is not there
        ([1, 99], ["s1"]),
    ],
)
def test_role_moved(company: Company, nights: list[Any], found: list[str]) -> None:
    for role_id in (1, 2, 3):
        company.role(role_id, f"Role{role_id}")
    parents(company, 7, *nights)

    assert events(company, "role_moved") == [("7", None, night) for night in found]


def test_role_moved_is_not_of_a_new_one_or_one_that_is_gone(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2, "New", 1, since=2)
    company.role(3, "Gone", until=1)
    company.role(3, "Gone", 1, since=1, until=3)

    assert events(company, "role_moved") == []


def test_role_moved_says_who_is_in_and_under_it(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2, "Finance", 7)
    parents(company, 7, 1, 2)
    company.role(8, "Below", 7)
    for number, active in [(1, True), (2, True), (3, True), (4, False), (5, None)]:
        company.user(number, f"User{number}", active=active)
    company.assign(1, 7, 8)
    company.assign(2, 8)
    company.assign(3, 8, active=False)
    company.assign(4, 7)
    company.assign(5, 7)

    # 7 and 2 are now each above the other
    assert finding(company, "role_moved") == (
        "medium",
        "The role Moved was moved from below Sales to below Finance; 2 active users are in or under it.",
        {
            "role": "Moved",
            "parent_before_id": 1,
            "parent_before": "Sales",
            "parent_after_id": 2,
            "parent_after": "Finance",
            "parent_now_id": 2,
            "since": str(NIGHTS[1]),
            "snapshots": compared(0, 1),
            "members": 2,
            "own_members": 1,
            "sub_roles": 2,
        },
    )


# sensitive_permission_granted

FLAG = "can_use_api"


def gains(company: Company, *nights: bool | None, user_id: int = 1) -> None:
    """The sensitive flag of a user, night by night; None is no answer, which leaves all as it was."""
    known = [(night, held) for night, held in enumerate(nights) if held is not None]
    for (night, held), following in zip(known, [*known[1:], None], strict=True):
        company.flags(user_id, since=night, until=following[0] if following else None, **{FLAG: held})


@pytest.mark.parametrize(
    ("nights", "found"),
    [
        ([False, True], "s1"),
        ([True], None),
        ([False], None),
        # gone; come back
        ([False, True, False], None),
        ([False, True, False, True], "s3"),
        # a first answer
        ([None, True], None),
        # nights without an answer in between
        ([False, None, None, True], "s3"),
    ],
)
def test_sensitive_permission_granted(company: Company, nights: list[bool | None], found: str | None) -> None:
    company.user(1, "Ana")
    gains(company, *nights)

    assert events(company, "sensitive_permission_granted") == ([("1", FLAG, found)] if found else [])


def test_sensitive_permission_granted_is_of_sensitive_ones(company: Company) -> None:
    company.user(1, "Ana")
    company.flags(1, can_add_deals=False, can_delete_deals=None, until=1)
    company.flags(1, can_add_deals=True, can_delete_deals=True, since=1)

    assert events(company, "sensitive_permission_granted") == []

    company.policy(sensitive_permissions=[("can_add_deals",)])
    assert events(company, "sensitive_permission_granted") == [("1", "can_add_deals", "s1")]


def test_sensitive_permission_granted_is_not_of_admins_and_new_users(company: Company) -> None:
    user(company, 1, {"access": USER}, {"access": ADMIN})
    user(company, 2, {"access": USER}, {"access": ADMIN}, {"access": USER})
    user(company, 3, {"access": None, "is_admin": None})
    for user_id in (1, 2, 3):
        gains(company, False, True, user_id=user_id)
    company.user(4, "Bob", since=1)
    company.flags(4, since=1, **{FLAG: True})
    company.user(5, "Gone", until=3)
    company.flags(5, until=1, **{FLAG: False})
    company.flags(5, since=1, until=3, **{FLAG: True})

    assert events(company, "sensitive_permission_granted") == []


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        # what comes back with the account is reactivated_user's to report
        ({"active": False, "access": USER}, {"active": True, "access": USER}, False),
        ({"deleted": True, "access": USER}, {"deleted": False, "access": []}, False),
        # but not what comes with another set
        (
            {"active": False, "access": USER},
            {"active": True, "access": [entry(permission_set_id="b")]},
            True,
        ),
        # nor what an inactive account gets
        ({"active": False, "access": USER}, {"active": False, "access": []}, True),
    ],
)
def test_sensitive_permission_granted_is_not_of_who_comes_back(
    company: Company, before: dict[str, Any], after: dict[str, Any], found: bool
) -> None:
    company.permission_set("b", [FLAG])
    user(company, 1, before, after)
    gains(company, False, True)

    assert events(company, "sensitive_permission_granted") == ([("1", FLAG, "s1")] if found else [])


def test_sensitive_permission_granted_is_not_over_when_the_user_becomes_an_admin(company: Company) -> None:
    user(company, 1, {"access": USER}, None, {"access": ADMIN})
    gains(company, False, True)

    assert events(company, "sensitive_permission_granted") == [("1", FLAG, "s1")]


@pytest.mark.parametrize(
    ("before", "after", "contents", "found"),
    [
        # edited: kept, given at the same time, or kept beside another
        (["a"], ["a"], ([], [FLAG]), False),
        (["b"], ["a"], ([], [FLAG]), True),
        (["a"], ["a", "b"], ([], [FLAG]), False),
        # another set was edited, or this one otherwise
        (["a"], ["a"], (["x"], ["y"]), True),
        (["b"], ["b"], ([], [FLAG]), True),
        # granted it all along, to who did not hold it
        (["a"], ["a"], ([FLAG], [FLAG]), True),
        (["b"], ["a", "b"], ([FLAG], [FLAG]), True),
        # not known before or at all: nobody can tell
        (["a"], ["a"], (None, [FLAG]), False),
        (["a"], ["a"], (None, ["x"]), True),
        (["a"], ["a"], (None, None), False),
        (["c"], ["c"], ([], []), False),
        # proven not to be there, so that it grants nothing
        (["absent"], ["absent"], ([], []), True),
        (["a"], ["c"], ([], []), True),
        (None, ["a"], ([], []), False),
        (None, None, ([], []), False),
        ([], [], ([], []), True),
    ],
)
def test_sensitive_permission_granted_looks_at_sets(
    company: Company,
    before: list[str] | None,
    after: list[str] | None,
    contents: tuple[list[str] | None, list[str] | None],
    found: bool,
) -> None:
    company.permission_set("a", contents[0], until=1)
    company.permission_set("a", contents[1], since=1)
    company.permission_set("b", ["x"])
    company.coverage("permissionSets/{id}", "absent", "gone")
    access = [
        None if sets is None else [entry(permission_set_id=name) for name in sets] for sets in (before, after)
    ]
    user(company, 1, {"access": access[0], "is_admin": False}, {"access": access[1], "is_admin": False})
    gains(company, False, True)

    assert events(company, "sensitive_permission_granted") == ([("1", FLAG, "s1")] if found else [])


def test_sensitive_permission_granted_waits_for_a_set_that_was_not_answered(company: Company) -> None:
    company.permission_set("a", ["x"])
    company.user(1, "Ana", access=[entry(permission_set_id="a")])
    company.user(2, "Bob", access=[entry(permission_set_id="a")])
    gains(company, False, None, None, True)
    gains(company, False, None, None, None, True, user_id=2)
    company.coverage("permissionSets/{id}", "a", "failed")

    assert events(company, "sensitive_permission_granted") == [("1", FLAG, "s3")]


def test_sensitive_permission_granted_says_by_what(company: Company) -> None:
    company.role(5, "Sales")
    company.permission_set("a", ["x"])
    company.permission_set("b", [FLAG])
    first, second = ([entry(permission_set_id=name)] for name in ("a", "b"))
    user(company, 1, {"access": first}, None, {"access": second})
    company.user(2, "Bob")
    company.assign(1, 5)
    company.assign(2, 5)
    gains(company, False, None, True)
    company.flags(2, can_add_deals=True)

    assert finding(company, "sensitive_permission_granted") == (
        "high",
        "Ana (ana@example.com) was granted can_use_api, by the permission set B.",
        {
            "user": "Ana (ana@example.com)",
            "active": True,
            "permission": FLAG,
            "before": False,
            "after": True,
            "since": str(NIGHTS[2]),
            "snapshots": compared(1, 2),
            "granted_by": [
                {"set": "B", "permission_set_id": "b", "app": "sales", "given_in_this_snapshot": True}
            ],
            "roles": [{"role_id": 5, "role": "Sales", "members": 2, "holders": 1}],
            "observed_at": str(NIGHTS[0]),
            "last_login": str(NIGHTS[0]),
            "login_known": True,
            "created": str(LONG_AGO),
        },
    )


# permission_creep


def held(company: Company, user_id: int, *nights: int | None) -> None:
    """How many flags a user holds, night by night: p0, p1 and so on; None is as the night before."""
    known = [(night, number) for night, number in enumerate(nights) if number is not None]
    for flag in range(max(number for _, number in known)):
        spans = [(night, flag < number) for night, number in known]
        begun = [span for place, span in enumerate(spans) if place == 0 or span[1] != spans[place - 1][1]]
        for (night, granted), following in zip(begun, [*begun[1:], None], strict=True):
            if granted:
                until = following[0] if following else None
                company.flags(user_id, since=night, until=until, **{f"p{flag}": True})
    # the first answer, be it that nothing is granted
    company.observed("user_permissions", user_id, known[0][0])


@pytest.mark.parametrize(
    ("nights", "found"),
    [
        ([10, 14], ["s1"]),
        ([10, 13], []),
        ([10, 12, 13, 14], ["s3"]),
        # once over the line, it is over it
        ([10, 14, 15, 20], ["s1"]),
        # back at the line; and over it again
        ([10, 14, 13], []),
        ([10, 14, 13, 15], ["s3"]),
        # what had been taken away is given back
        ([10, 3, 10], []),
        ([3, 4], ["s1"]),
        ([4, 5], []),
        # nothing before, nor a first answer
        ([0, 9], []),
        ([None, 9], []),
        ([None, 9, 10, 14], ["s3"]),
    ],
)
def test_permission_creep_by_number(company: Company, nights: list[int | None], found: list[str]) -> None:
    company.user(1, "Ana")
    held(company, 1, *nights)

    assert events(company, "permission_creep") == [("1", None, night) for night in found]


def test_permission_creep_of_a_new_user_counts_from_the_first_answer(company: Company) -> None:
    company.user(1, "Ana", since=1)
    held(company, 1, None, 10, 11, 14)

    assert events(company, "permission_creep") == [("1", None, "s3")]


@pytest.mark.parametrize(("days", "found"), [(2, ["s3"]), (1, [])])
def test_permission_creep_looks_so_many_days_back(company: Company, days: int, found: list[str]) -> None:
    thresholds(company, creep_days=days)
    company.user(1, "Ana")
    # 12 from 10, then 14 from 12: a third more in two days, not in one
    held(company, 1, 10, None, 12, 14)

    assert [night for *_, night in events(company, "permission_creep")] == found


@pytest.mark.parametrize(
    ("back", "nights", "found"),
    [
        # deactivated with two of ten left, which count as held before; active again with all
        (2, [10, 2, 10], []),
        (3, [10, 2, 2, 10], []),
        # more than before
        (3, [10, 2, 2, 10, 14], ["s4"]),
    ],
)
def test_permission_creep_is_not_coming_back(
    company: Company, back: int, nights: list[int | None], found: list[str]
) -> None:
    thresholds(company, creep_days=1)
    user(company, 1, {}, {"active": False}, *[None] * (back - 2), {"active": True})
    held(company, 1, *nights)

    assert events(company, "permission_creep") == [("1", None, night) for night in found]


def test_permission_creep_does_not_come_back_with_time(company: Company) -> None:
    thresholds(company, creep_days=1)
    company.user(1, "Ana")
    held(company, 1, 10, 14)

    assert events(company, "permission_creep") == [("1", None, "s1")]

    thresholds(company, creep_days=1, event_open_days=2)
    assert events(company, "permission_creep") == []


def test_permission_creep_does_not_count_edited_sets(company: Company) -> None:
    company.permission_set("a", ["p0"], until=1)
    company.permission_set("a", [f"p{number}" for number in range(14)], since=1)
    company.user(1, "Ana", access=[entry(permission_set_id="a")])
    company.user(2, "Bob", access=[entry(permission_set_id="a")])
    company.user(3, "Eve", access=[entry(permission_set_id="b")])
    held(company, 1, 10, 14)
    held(company, 2, 10, 14, 18)
    held(company, 3, 10, 14)

    assert events(company, "permission_creep") == [("2", None, "s2"), ("3", None, "s1")]


def test_permission_creep_says_how_many(company: Company) -> None:
    company.user(1, "Ana")
    held(company, 1, 3, None, 4, 5)

    severity, title, evidence = finding(company, "permission_creep")
    assert (severity, title) == (
        "medium",
        "Ana (ana@example.com) went from 3 to 4 permissions within 90 days.",
    )
    assert evidence == {
        "user": "Ana (ana@example.com)",
        "active": True,
        "since": str(NIGHTS[2]),
        "snapshots": compared(1, 2),
        "carried_along": [],
        "permissions_before": 3,
        "permissions_just_before": 3,
        "permissions_after": 4,
        "gained": ["p3"],
        "threshold_holders_share": 0.5,
        "threshold_growth_share": 0.3,
        "threshold_days": 90,
        "observed_at": str(NIGHTS[0]),
        "last_login": str(NIGHTS[0]),
        "login_known": True,
        "created": str(LONG_AGO),
    }


def teams(company: Company, *, old_holders: int = 2, new_holders: int = 0) -> None:
    """Ana (1) moves in night 2 from Sales (5), with two colleagues, to Finance (6), with two others."""
    company.role(5, "Sales")
    company.role(6, "Finance")
    company.assign(1, 5, until=2)
    company.assign(1, 6, since=2)
    for user_id, role_id in [(2, 5), (3, 5), (4, 6), (5, 6)]:
        company.user(user_id, f"User{user_id}")
        company.assign(user_id, role_id)
        holders = old_holders - 1 if role_id == 5 else new_holders
        company.flags(user_id, carried=user_id % 2 < holders, common=True)


def stays(company: Company, last: int | None = 4) -> None:
    """Ana holds her permissions from the first night on, and was last asked in that night."""
    company.flags(1, carried=True, common=True)
    if last is not None:
        company.rows("UPDATE history.observations SET last_at = ? WHERE subject_id = '1'", NIGHTS[last])


@pytest.mark.parametrize(
    ("old_holders", "new_holders", "found"),
    [(3, 0, True), (2, 0, True), (1, 0, False), (2, 1, False), (2, 2, False)],
)
def test_permission_creep_by_moving(
    company: Company, old_holders: int, new_holders: int, found: bool
) -> None:
    teams(company, old_holders=old_holders, new_holders=new_holders)
    company.user(1, "Ana")
    stays(company)

    assert events(company, "permission_creep") == ([("1", None, "s2")] if found else [])


def test_permission_creep_by_moving_is_measured_as_it_was(company: Company) -> None:
    teams(company)
    company.user(1, "Ana")
    stays(company)
    # afterwards all of Finance is given it
    for user_id in (4, 5):
        company.rows("DELETE FROM history.user_permissions WHERE user_id = ?", user_id)
        company.flags(user_id, carried=False, until=3)
        company.flags(user_id, carried=True, since=3)

    assert ("1", None, "s2") in events(company, "permission_creep")


@pytest.mark.parametrize("later", [{"access": ADMIN}, {"active": False}])
def test_permission_creep_is_not_over_when_the_user_becomes_something_else(
    company: Company, later: dict[str, Any]
) -> None:
    teams(company)
    user(company, 1, {"access": USER}, None, None, {"access": USER, **later})
    stays(company)

    assert events(company, "permission_creep") == [("1", None, "s2")]


@pytest.mark.parametrize(
    "what", ["admin", "inactive", "not asked since", "given up", "given up and back", "left", "added"]
)
def test_permission_creep_by_moving_just_not(company: Company, what: str) -> None:
    teams(company)
    company.user(
        1,
        "Ana",
        access=ADMIN if what == "admin" else USER,
        active=what != "inactive",
    )
    if what == "given up":
        company.flags(1, carried=True, until=3)
        company.flags(1, common=True)
        company.observed("user_permissions", 1, 0)
        company.rows("UPDATE history.observations SET last_at = ?", NIGHTS[4])
    elif what == "given up and back":
        company.flags(1, carried=True, until=3)
        company.flags(1, carried=True, since=4)
        company.flags(1, **{f"p{number}": True for number in range(9)})
        company.rows("UPDATE history.observations SET last_at = ?", NIGHTS[4])
    else:
        stays(company, 1 if what == "not asked since" else 4)
    if what == "left":
        company.rows("DELETE FROM history.user_roles WHERE user_id = 1 AND role_id = 6")
        company.assign(1, 6, since=2, until=3)
    if what == "added":
        company.rows("UPDATE history.user_roles SET valid_to = NULL WHERE user_id = 1 AND role_id = 5")

    assert events(company, "permission_creep") == []


def test_permission_creep_by_moving_says_where_from_and_to(company: Company) -> None:
    teams(company)
    company.user(1, "Ana")
    stays(company)

    severity, title, evidence = finding(company, "permission_creep")
    assert (severity, title) == (
        "medium",
        "Ana (ana@example.com) moved from Sales to Finance and kept 1 permission that is unusual there.",
    )
    assert evidence["snapshots"] == compared(1, 2)
    assert evidence["carried_along"] == [
        {
            "permission": "carried",
            "old_role": "Sales",
            "old_holders": 2,
            "old_members": 3,
            "new_role": "Finance",
            "new_holders": 1,
            "new_members": 3,
        }
    ]
    assert (evidence["permissions_before"], evidence["permissions_after"]) == (None, None)


# mass_change


def mass(company: Company, *, reached: int, each: int = 10, others: int = 0) -> None:
    """In night 2, each of so many users loses one permission of `each`; others keep theirs."""
    for user_id in range(1, reached + others + 1):
        company.user(user_id, f"User{user_id}")
        if user_id <= reached:
            company.flags(user_id, p0=True, until=2)
        company.flags(user_id, **{f"p{number}": True for number in range(int(user_id <= reached), each)})


@pytest.mark.parametrize(
    ("reached", "each", "others", "found"),
    [
        (50, 9, 0, True),
        (49, 9, 0, False),
        # 10 % exactly, of 500
        (50, 10, 0, False),
        (51, 10, 0, False),
        (60, 5, 60, False),
        (61, 5, 60, True),
    ],
)
def test_mass_change(company: Company, reached: int, each: int, others: int, found: bool) -> None:
    mass(company, reached=reached, each=each, others=others)

    assert events(company, "mass_change") == ([("77", None, "s2")] if found else [])


def test_mass_change_is_no_mass_of_new_or_lost_users(company: Company) -> None:
    for user_id in range(1, 61):
        company.user(user_id, "Ana", since=2)
        company.flags(user_id, since=2, p0=True)
    for user_id in range(101, 161):
        company.user(user_id, "Bob", until=3)
        company.flags(user_id, until=3, p0=True)
    for user_id in range(201, 261):  # a first answer
        company.user(user_id, "Eve")
        company.flags(user_id, since=3, p0=True)

    assert events(company, "mass_change") == []


def test_mass_change_says_what_and_whose(company: Company) -> None:
    company.permission_set("a", ["p0", "p1"], until=2)
    company.permission_set("a", ["p1"], since=2)
    mass(company, reached=60, each=2)
    company.rows("UPDATE history.users SET access = ? WHERE user_id > 20", [entry(permission_set_id="a")])
    company.flags(7, since=2, p8=True, p9=True)
    # who leaves later was there then
    company.rows("UPDATE history.users SET valid_to = ? WHERE user_id = 7", NIGHTS[4])

    severity, title, evidence = finding(company, "mass_change")
    assert (severity, title) == (
        "high",
        "62 grants of acme changed in one night, where there were 120: 2 came and 60 went, of 60 users.",
    )
    assert len(evidence["first_users"]) == 20
    assert evidence.pop("first_users")[:2] == [
        {"user": "User 7", "granted": 2, "revoked": 1},
        {"user": "User1 (user1@example.com)", "granted": 0, "revoked": 1},
    ]
    assert evidence == {
        "changed": 62,
        "by_kind": {"granted": 2, "revoked": 60},
        "users": 60,
        "grants_before": 120,
        "threshold_share": 0.1,
        "threshold_count": 50,
        "since": str(NIGHTS[2]),
        "snapshots": compared(1, 2),
        "first_permissions": [
            {"permission": "p0", "granted": 0, "revoked": 60},
            {"permission": "p8", "granted": 1, "revoked": 0},
            {"permission": "p9", "granted": 1, "revoked": 0},
        ],
        "edited_sets": [{"set": "A", "permission_set_id": "a", "changed": 40}],
    }


# vendor_change


def vendor(company: Company, permission: str, change: str, *users: int, held: bool = True) -> None:
    """In night 2, Pipedrive itself changes a permission for these users."""
    for user_id in users:
        values = {"user_id": user_id, "permission": permission, "change": change, "held": held}
        company.insert("vendor_changes", snapshot_id="s2", **values)


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (
            [("can_x", "granted", True)],
            "Pipedrive itself changed can_x for 2 users: 2 granted, all held back until the next snapshot.",
        ),
        (
            [("can_x", "revoked", True), ("can_y", "revoked", True)],
            "Pipedrive itself changed 2 permissions for 2 users: 4 taken away, all held back until the next "
            "snapshot.",
        ),
        (
            [("can_x", "granted", False)],
            "Pipedrive itself changed can_x for 2 users: 2 granted, none held back until the next snapshot.",
        ),
        (
            [("can_x", "granted", False), ("can_y", "revoked", True)],
            "Pipedrive itself changed 2 permissions for 2 users: 2 granted and 2 taken away, 2 held back "
            "until the next snapshot.",
        ),
    ],
)
def test_vendor_change_is_one_finding(
    company: Company, rows: list[tuple[str, str, bool]], title: str
) -> None:
    for permission, change, held in rows:
        vendor(company, permission, change, 1, 2, held=held)

    assert events(company, "vendor_change") == [("77", None, "s2")]
    assert finding(company, "vendor_change")[:2] == ("high", title)


def test_vendor_change_says_what_is_held_and_for_whom(company: Company) -> None:
    company.user(1, "Ana")
    vendor(company, "can_x", "granted", 1, 2)
    vendor(company, "can_export_data_from_lists", "granted", 2, held=False)

    _, _, evidence = finding(company, "vendor_change")
    assert evidence == {
        "changed": 3,
        "held": 2,
        "by_kind": {"granted": 3, "revoked": 0},
        "permissions": [
            {"permission": "can_export_data_from_lists", "change": "granted", "users": 1, "held": False},
            {"permission": "can_x", "change": "granted", "users": 2, "held": True},
        ],
        "users": 2,
        "reached_users": ["Ana (ana@example.com)", "User 2"],
        "threshold_users": 5,
        "since": str(NIGHTS[2]),
        "snapshots": compared(1, 2),
    }


@pytest.mark.slow
def test_nothing_comes_of_the_first_snapshot_nor_of_corrections(connection: Any) -> None:
    company = Company(connection)
    company.snapshot(0)
    user(company, 1, {"access": ADMIN, "active": True}, created=NIGHTS[0])
    company.flags(1, **{FLAG: True})
    company.permission_set("a", ["x"])
    company.role(1, "Sales", 2)
    company.assign(1, 1)
    rules = [
        "admin_granted", "sensitive_permission_granted", "new_user_admin", "reactivated_user",
        "permission_set_changed", "role_moved", "permission_creep", "mass_change", "vendor_change",
    ]  # fmt: skip
    assert {rule: events(company, rule) for rule in rules} == {rule: [] for rule in rules}

    company.snapshot(1, collect="by-access")
    user(company, 2, {"access": USER})
    for number in range(60):
        company.insert(
            "corrections", user_id=2, permission=FLAG if number == 0 else f"p{number}",
            corrected_at=NIGHTS[1], inferred=False, observed=True,
        )  # fmt: skip
    assert {rule: events(company, rule) for rule in rules} == {rule: [] for rule in rules}
