"""Rules about toxic combinations of permissions."""

from __future__ import annotations

import json

import pytest

from .literal import Company

EXPORT, API, SEE = "can_export_data_from_lists", "can_use_api", "can_see_other_users"

COMBINATIONS = {
    "toxic_exfiltrate": (EXPORT, API, SEE),
    "toxic_destroy_and_cover": ("can_delete_deals", "can_delete_activities", "can_merge_people"),
    "toxic_forecast_fraud": ("can_edit_deals_closed_date", "can_edit_other_users_products"),
    "toxic_reveal_and_take": ("can_see_hidden_items_names", EXPORT),
    "toxic_mass_load": ("can_use_import", "can_bulk_edit_items", "can_create_own_workflow"),
}


def entry(app: str, permission_set_id: str | None, admin: bool | None = False) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


def holder(company: Company, user_id: int, *permissions: str, **user: object) -> None:
    """A user with these permissions, by default by none of the permission sets."""
    company.user(user_id, **({"name": f"User{user_id}", "access": []} | user))  # type: ignore[arg-type]
    company.flags(user_id, **dict.fromkeys(permissions, True))


def fired(company: Company) -> list[tuple[str, str, str]]:
    """Kind, subject and combination of all findings; the rule of each combination has them as well."""
    found = company.table("toxic_holdings", "subject_kind, subject_id, combination")
    for rule in COMBINATIONS:
        rows = company.table(f"rules.{rule}", "subject_kind, subject_id, object")
        assert rows == [row for row in found if row[2] == rule]
    rows = company.table("rules.toxic_combination", "subject_kind, subject_id, object")
    assert rows == [row for row in found if row[2] not in COMBINATIONS]
    return found


@pytest.mark.parametrize(("combination", "permissions"), COMBINATIONS.items())
def test_who_holds_one_of_each_clause(
    company: Company, combination: str, permissions: tuple[str, ...]
) -> None:
    holder(company, 5, *permissions)
    for place in range(len(permissions)):
        holder(company, 10 + place, *permissions[:place], *permissions[place + 1 :])

    assert fired(company) == [("user", "5", combination)]
    severity = "medium" if combination == "toxic_mass_load" else "high"
    assert company.table(f"rules.{combination}", "severity") == [(severity,)]


@pytest.mark.parametrize(
    ("user", "fires"),
    [
        ({}, True),
        ({"access": [entry("sales", None, True)]}, False),
        ({"access": None}, False),
        ({"access": None, "is_admin": False}, False),
        ({"active": False}, False),
        ({"active": None}, False),
        ({"deleted": True}, False),
    ],
)
def test_users_are_live_and_no_admins(company: Company, user: dict[str, object], fires: bool) -> None:
    holder(company, 5, EXPORT, API, SEE, **user)

    assert fired(company) == ([("user", "5", "toxic_exfiltrate")] if fires else [])


@pytest.mark.parametrize("value", [False, None])
def test_a_permission_that_is_not_held_or_not_known(company: Company, value: bool | None) -> None:
    company.user(5, "Ana")
    company.flags(5, **{EXPORT: True, API: value, SEE: True})

    assert fired(company) == []


def test_a_user_who_was_never_answered_for(company: Company) -> None:
    company.user(5, "Ana")

    assert fired(company) == []


@pytest.mark.parametrize(
    ("sets", "fires"),
    [
        (["export", "api"], True),
        (["export"], True),  # the API by deviation
        (["whole"], False),
        (["whole", "api"], False),
        (["admin"], False),
        (["unknown"], False),
        (["export", "unknown"], False),
        (["export", "missing"], False),
        (["export", "absent"], True),
        # an entry that names no set grants nothing
        (["export", None], True),
    ],
)
def test_users_are_found_where_no_set_grants_all_of_it(
    company: Company, sets: list[str | None], fires: bool
) -> None:
    company.permission_set("export", [EXPORT, SEE])
    company.permission_set("api", [API])
    company.permission_set("whole", [EXPORT, API, SEE])
    company.permission_set("admin", [EXPORT, API, SEE], type="admin")
    company.permission_set("unknown", None)
    company.coverage("permissionSets/{id}", "absent", "gone")
    access = [entry(f"app{place}", set_id) for place, set_id in enumerate(sets)]
    holder(company, 5, EXPORT, API, SEE, access=access)

    found = [("permission_set", "whole", "toxic_exfiltrate")]
    assert fired(company) == found + ([("user", "5", "toxic_exfiltrate")] if fires else [])


@pytest.mark.parametrize("given", [True, False])
def test_whose_sets_were_not_told_this_time_may_have_one_that_grants_all(
    company: Company, given: bool
) -> None:
    company.permission_set("export", [EXPORT, SEE])
    holder(company, 5, EXPORT, API, SEE, access=[entry("app", "export")], access_given=given)

    assert fired(company) == ([("user", "5", "toxic_exfiltrate")] if given else [])


@pytest.mark.parametrize(
    ("contents", "values", "fires"),
    [
        ([EXPORT, API, SEE], {}, True),
        ([EXPORT, API, SEE, SEE, "can_x"], {"type": "manager"}, True),
        ([EXPORT, API], {}, False),
        ([EXPORT, API, SEE], {"type": "admin"}, False),
        ([EXPORT, API, SEE], {"type": None}, False),
        ([EXPORT, API, SEE], {"until": 1}, False),
        ([], {}, False),
        (None, {}, False),
    ],
)
def test_a_set_that_grants_all_of_it(
    company: Company, contents: list[str] | None, values: dict[str, object], fires: bool
) -> None:
    company.permission_set("a", contents, **values)  # type: ignore[arg-type]

    assert fired(company) == ([("permission_set", "a", "toxic_exfiltrate")] if fires else [])


def test_a_set_lists_who_has_it(company: Company) -> None:
    company.permission_set("a", [EXPORT, API, SEE, "can_see_company_wide_statistics", "can_x"])
    for user_id in range(1, 31):
        holder(company, user_id, access=[entry("sales", "a"), entry("global", "a")], active=user_id != 1)

    [(title, severity, evidence)] = company.table("rules.toxic_exfiltrate", "title, severity, evidence")

    assert (title, severity) == (
        "Everyone with the permission set A can take the customer data out, by machine.",
        "high",
    )
    found = json.loads(evidence)
    first = found.pop("first_users")
    assert len(first) == 20
    assert first[0] == "User2 (user2@example.com)"
    assert found == {
        "set": "A",
        "app": "sales",
        "type": "custom",
        "permissions": [EXPORT, "can_see_company_wide_statistics", SEE, API],
        "clauses": [
            {"clause": 1, "permissions": [EXPORT]},
            {"clause": 2, "permissions": [API]},
            {"clause": 3, "permissions": ["can_see_company_wide_statistics", SEE]},
        ],
        "since": "2026-11-20 02:00:00",
        "users": 30,
        "active_users": 29,
    }


def test_a_set_that_nobody_has(company: Company) -> None:
    company.permission_set("a", [EXPORT, API, SEE], name=None)

    [(title, evidence)] = company.table("rules.toxic_exfiltrate", "title, evidence")

    assert title == "Everyone with the permission set a can take the customer data out, by machine."
    found = json.loads(evidence)
    assert (found["users"], found["active_users"], found["first_users"]) == (0, 0, [])


def test_a_user_is_told_by_clause(company: Company) -> None:
    company.snapshot(1)
    company.permission_set("a", [EXPORT, SEE])
    company.permission_set("b", [SEE], app="global")
    company.user(5, "Ana", access=[entry("sales", "a"), entry("global", "b")])
    company.flags(5, **{EXPORT: True, SEE: True})
    company.flags(5, since=1, **{API: True})

    [(title, evidence)] = company.table("rules.toxic_exfiltrate", "title, evidence")

    assert title == "Ana (ana@example.com) can take the customer data out, by machine."
    first = "2026-11-20 02:00:00"
    assert json.loads(evidence) == {
        "user": "Ana (ana@example.com)",
        "last_login": first,
        "login_known": True,
        "permissions": [EXPORT, SEE, API],
        "clauses": [
            {"clause": 1, "permission": EXPORT, "granted_by": ["A"], "since": first},
            {"clause": 2, "permission": API, "granted_by": [], "since": "2026-11-21 02:00:00"},
            {"clause": 3, "permission": SEE, "granted_by": ["A", "B"], "since": first},
        ],
        "observed_at": first,
    }


def test_what_is_inferred_is_no_evidence(company: Company) -> None:
    company.snapshot(1, collect="by-access")
    for user_id in (5, 6):
        company.user(user_id, f"User{user_id}")
        company.insert("access_signatures", user_id=user_id, signature="a")
    company.flags(5, **dict.fromkeys((EXPORT, API, SEE), True))
    company.connection.execute("UPDATE history.observations SET signature = 'a'")

    assert company.table("user_permissions", "user_id, source")[-1] == (6, "inferred")
    assert fired(company) == [("user", "5", "toxic_exfiltrate")]


def test_combinations_of_the_companys_own(company: Company) -> None:
    company.policy(
        combinations=[
            ("own", "critical", "can do what nobody should", 1, "can_x"),
            ("own", "critical", "can do what nobody should", 2, "can_y"),
            ("own", "critical", "can do what nobody should", 2, "can_z"),
            ("toxic_mass_load", "info", "can load", 1, "can_x"),
        ]
    )
    holder(company, 5, "can_x", "can_z")
    holder(company, 6, "can_y", "can_z")
    holder(company, 7, EXPORT, API, SEE)

    assert fired(company) == [("user", "5", "own"), ("user", "5", "toxic_mass_load")]
    assert company.table("rules.toxic_combination", "severity, title") == [
        ("critical", "User5 (user5@example.com) can do what nobody should.")
    ]
    assert company.table("rules.toxic_mass_load", "severity, title") == [
        ("info", "User5 (user5@example.com) can load.")
    ]
