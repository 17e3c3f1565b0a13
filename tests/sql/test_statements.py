"""What titles, evidence and macros state: orders, numbers, and words such as active, none, never, only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .literal import MODELS, NIGHTS, Company


def entry(permission_set_id: str | None = None, app: str = "sales", admin: bool = False) -> dict[str, Any]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


ADMIN, USER = [entry(app="account_settings", admin=True)], [entry(app="account_settings")]


def found(company: Company, rule: str) -> tuple[str, dict[str, Any]]:
    """Title and evidence of the only finding of a rule."""
    [(title, evidence)] = company.table(f"rules.{rule}", "title, evidence")
    return title, json.loads(evidence)


@pytest.mark.parametrize("query", ["who_can('can_x')", "access_at('2026-11-20 12:00')"])
def test_roles_are_sorted_by_name(company: Company, query: str) -> None:
    for role_id, name in ((1, "Support"), (2, "Sales"), (3, None), (4, "Finance")):
        company.role(role_id, name)
    company.permission_set("z", ["can_x"], name="Alpha")
    company.permission_set("a", ["can_x"], name="Omega")
    company.user(1, "Ana", access=[entry("z"), entry("a", "global")])
    company.assign(1, 1, 2, 3, 4)
    company.flags(1, can_x=True)

    assert company.rows(f"SELECT roles FROM {query}") == [(["3", "Finance", "Sales", "Support"],)]  # noqa: S608
    for macro in ("who_can('can_x')", "why(1, 'can_x')", "access_of(1)"):
        rows = company.rows(f"SELECT DISTINCT sets FROM {macro} WHERE len(sets) > 0")  # noqa: S608
        assert rows == [(["Alpha", "Omega"],)]


@pytest.mark.parametrize(
    ("live", "inactive", "ending"),
    [
        (0, 0, "no active user has it."),
        (0, 3, "no active user has it."),
        (1, 2, "1 active user has it."),
        (3, 2, "3 active users have it."),
    ],
)
def test_who_has_an_edited_set_are_active_users(
    company: Company, live: int, inactive: int, ending: str
) -> None:
    company.snapshot(1)
    company.permission_set("a", ["x"], until=1)
    company.permission_set("a", ["x", "y"], since=1)
    for user_id in range(live + inactive):
        company.user(user_id, f"User{user_id}", access=[entry("a")], active=user_id < live)

    title, evidence = found(company, "permission_set_changed")

    assert title == f"The permission set A of sales now grants y; {ending}"
    assert (evidence["assignees"], evidence["active_assignees"]) == (live + inactive, live)


@pytest.mark.parametrize(
    ("accesses", "title"),
    [
        ([ADMIN, USER, USER], "Only User0 (user0@example.com) administers the account of acme, which has 3"),
        ([USER, USER, USER], "Nobody administers the account of acme, which has 3"),
        ([ADMIN, None, USER], "Only User0 (user0@example.com) is known to administer the account of acme, "
         "which has 3"),
        ([None, USER, USER], "Nobody is known to administer the account of acme, which has 3"),
        ([ADMIN, ADMIN, USER], "Only User0 (user0@example.com) and User1 (user1@example.com) administer the "
         "account of acme, which has 3"),
    ],
)  # fmt: skip
def test_only_and_nobody_are_known(company: Company, accesses: list[Any], title: str) -> None:
    rows = dict(company.rows("SELECT name, value FROM policy.thresholds WHERE company = 'acme'"))
    company.policy(thresholds=sorted((rows | {"single_admin_count": 4}).items()))
    for user_id, access in enumerate(accesses):
        company.user(user_id, f"User{user_id}", access=access)

    assert found(company, "single_admin")[0] == f"{title} active users."


@pytest.mark.parametrize(
    ("asked", "title", "permissions"),
    [
        (1, "Ana (ana@example.com) is deactivated but still holds 1 permission and 1 permission set.", ["x"]),
        (
            0,
            "Ana (ana@example.com) is deactivated but still holds 1 permission set; what permissions it "
            "holds is not known.",
            None,
        ),
    ],
)
def test_no_permission_is_not_the_same_as_none_known(
    company: Company, asked: int, title: str, permissions: list[str] | None
) -> None:
    company.snapshot(1)
    company.permission_set("a", ["x"])
    company.user(5, "Ana", access=[entry("a")], until=1)
    company.user(5, "Ana", access=[entry("a")], since=1, active=False)
    company.observed("user_permissions", 5, 0, asked)
    company.flags(5, x=True)

    told, evidence = found(company, "inactive_user_with_permissions")

    assert (told, evidence["permissions"]) == (title, permissions)


@pytest.mark.parametrize(
    ("new_set", "by"),
    [
        ("granting", "by the permission set Granting."),
        ("other", "by none of the user's permission sets."),
        (None, "by none of the user's permission sets."),
        ("absent", "by none of the user's permission sets."),
        ("unread", "by none of the user's permission sets whose contents are known."),
    ],
)
def test_what_grants_a_permission_is_one_of_the_sets_or_none_of_those_known(
    company: Company, new_set: str | None, by: str
) -> None:
    company.snapshot(1)
    company.permission_set("granting", ["can_use_api"])
    company.permission_set("other", ["can_x"])
    company.permission_set("unread", None)
    company.coverage("permissionSets/{id}", "absent", "gone")
    company.user(5, "Ana", access=[entry("other", "global")], until=1)
    company.user(5, "Ana", access=[entry("other", "global"), entry(new_set)], since=1)
    company.flags(5, can_use_api=False, until=1)
    company.flags(5, can_use_api=True, since=1)

    title, evidence = found(company, "sensitive_permission_granted")

    assert title == f"Ana (ana@example.com) was granted can_use_api, {by}"
    assert [given["set"] for given in evidence["granted_by"]] == (["Granting"] if "Granting" in by else [])


@pytest.mark.parametrize(("last_login", "known"), [(None, True), (None, False), (NIGHTS[0], True)])
def test_never_and_not_known_are_told_apart(company: Company, last_login: Any, known: bool) -> None:
    company.user(5, "Info", last_login=last_login, login_known=known, active=False, access=ADMIN)

    for rule in ("inactive_admin", "inactive_user_with_permissions", "shared_mailbox"):
        for _, evidence in company.table(f"rules.{rule}", "title, evidence"):
            told = json.loads(evidence)
            assert (told["last_login"], told["login_known"]) == (
                None if last_login is None else str(last_login),
                known,
            )


def test_every_rule_that_shows_a_last_login_says_whether_it_is_known() -> None:
    for model in MODELS.of("rules"):
        logins, known = model.query.count("'last_login'"), model.query.count("'login_known'")
        assert logins == known, model.name
