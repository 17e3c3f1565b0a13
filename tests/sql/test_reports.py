"""The macros of sql/reports over literal rows, and the users in an access review."""

from __future__ import annotations

from typing import Any

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse.sql_project import Models

from .literal import NIGHTS, Company

ADMIN = [{"app": "sales", "admin": True, "permission_set_id": None}]


def entry(permission_set_id: str, *, admin: bool = False) -> dict[str, Any]:
    return {"app": "sales", "admin": admin, "permission_set_id": permission_set_id}


def test_reasons_are_those_of_the_macro_why(company: Company) -> None:
    company.permission_set("a", ["can_x"], name="Closers")
    company.permission_set("b", ["can_x", "can_y"])
    company.role(1, "Sales")
    company.role(2, "Support")
    company.user(1, "Ana", access=[entry("a"), entry("b")])
    company.user(2, "Bo", access=[entry("gone")])
    company.user(3, "Cy", access=[], access_given=False)
    company.user(4, "Di", access=[entry("a", admin=True)])
    for user_id in (1, 2, 3, 4):
        company.assign(user_id, 1, 2)
        company.flags(user_id, can_x=True, can_y=False, can_z=None)

    found = company.rows(
        "SELECT user_id, permission, granted, explanation FROM explained_permissions('acme') ORDER BY ALL"
    )

    assert found[:3] == [
        (1, "can_x", True, "granted by B, Closers"),
        (1, "can_y", False, "not granted, although in B"),
        (1, "can_z", None, "not known: the answer for this user names it without a value"),
    ]
    assert (
        3,
        "can_x",
        True,
        "granted, source not known: the user's permission sets are not known",
    ) in found
    assert (4, "can_x", True, "granted by Closers, and to an admin") in found
    for user_id, permission, granted, explanation in found:
        why = company.rows(f"SELECT DISTINCT granted, explanation FROM why('{user_id}', '{permission}')")  # noqa: S608
        assert why == [(granted, explanation)]


def test_names_of_any_time(company: Company) -> None:
    company.user(1, "Ana")
    company.user(2, "Bo", until=1)
    company.user(2, "Bob", email=None, since=1, until=2)
    company.role(7, "Sales", until=1)
    company.role(7, "Field sales", since=1, until=2)
    company.role(8)
    company.permission_set("a", [], name="Closers", until=1)

    assert company.rows("SELECT kind, id, label FROM subject_labels() ORDER BY ALL") == [
        ("permission_set", "a", "Closers"),
        ("role", "7", "Field sales"),
        ("role", "8", None),
        ("user", "1", "Ana (ana@example.com)"),
        ("user", "2", "Bob"),
    ]


def test_who_stands_on_the_time_line(company: Company) -> None:
    company.user(1, "Ana", access=ADMIN)
    company.user(2, "Bo", access=ADMIN, active=False)
    company.user(3, "Cy")
    company.user(4, "Di", last_login=None)
    company.user(5, "Ed", access=ADMIN)
    for subject, rule, status in (
        ("3", "dormant_user", "open"),
        ("4", "never_logged_in", "waived"),
        ("5", "dormant_admin", "resolved"),
    ):
        company.insert(
            "findings", finding_id=rule, rule=rule, subject_kind="user", subject_id=subject, status=status
        )

    assert company.rows(
        "SELECT user_id, label, kinds, live, last_login FROM timeline_users('acme') ORDER BY user_id"
    ) == [
        (1, "Ana (ana@example.com)", ["admin"], True, NIGHTS[0]),
        (2, "Bo (bo@example.com)", ["admin, deactivated"], False, NIGHTS[0]),
        (3, "Cy (cy@example.com)", ["dormant"], True, NIGHTS[0]),
        (4, "Di (di@example.com)", ["never logged in"], True, None),
        (5, "Ed (ed@example.com)", ["admin"], True, NIGHTS[0]),
    ]


def test_roles_in_which_somebody_holds_something_sensitive(company: Company) -> None:
    company.policy(sensitive_permissions=[("can_x",)])
    company.role(1, "Sales")
    company.role(2, "Support")
    company.user(1, "Ana")
    company.user(2, "Bo")
    company.user(3, "Cy", active=False)
    company.assign(1, 1, 2)
    company.assign(2, 1)
    company.assign(3, 2)
    company.flags(1, can_x=True)
    company.flags(2, can_x=True, can_y=True)
    company.flags(3, can_x=True)

    assert company.rows("FROM sensitive_holders('acme') ORDER BY ALL") == [(1, 2), (2, 1)]


def test_roles_with_outliers(company: Company) -> None:
    company.role(1, "Sales")
    company.role(2, "Support")
    company.user(1, "Ana")
    company.user(2, "Bo")
    company.assign(1, 1, 2)
    company.assign(2, 1)
    company.assign(2, 2, active=False)
    for number, (subject, permission, rule, status) in enumerate(
        (
            ("1", "can_x", "permission_outlier", "open"),
            ("2", "can_x", "permission_outlier", "waived"),
            ("2", "can_y", "permission_outlier", "resolved"),
            ("2", "can_z", "sensitive_permission", "open"),
        )
    ):
        company.insert(
            "findings", finding_id=str(number), rule=rule, subject_kind="user", subject_id=subject,
            object=permission, status=status,
        )  # fmt: skip

    assert company.rows("FROM role_outliers('acme') ORDER BY ALL") == [(1, "can_x", 2), (2, "can_x", 1)]


def test_how_many_there_are_and_how_well_they_are_known(company: Company) -> None:
    company.snapshot(1)
    company.policy(sensitive_permissions=[("can_x",)])
    company.role(1, "Sales")
    company.permission_set("a", ["can_x"])
    company.user(1, "Ana", access=ADMIN)
    company.user(2, "Bo")
    company.user(3, "Cy", active=False)
    company.user(4, "Di", active=None)
    company.flags(1, can_x=True, can_y=True, since=1)
    company.flags(2, can_x=True, can_y=False)
    company.flags(3, can_x=True)

    assert company.rows("FROM population('acme', TIMESTAMP '2026-11-21 02:00')") == [
        # users, live, admins, sensitive, roles, sets, grants, answered, earlier, inferred, unknown
        (4, 2, 1, 2, 1, 1, 4, 1, 2, 0, 1)
    ]


def test_what_a_combination_takes(company: Company) -> None:
    company.policy(
        combinations=[
            ("leak", "high", "can leak", 1, "can_a"),
            ("leak", "high", "can leak", 2, "can_c"),
            ("leak", "high", "can leak", 2, "can_b"),
        ]
    )

    assert company.rows("FROM combination_texts('acme')") == [
        ("leak", "high", "can leak", "can_a and (can_b or can_c)")
    ]


def test_who_is_reviewed(company: Company) -> None:
    company.role(1, "(Unassigned users)")
    company.role(2, "Sales")
    company.user(1, "May sign in", active=None)
    company.user(2, "Nothing left", active=False)
    company.user(3, "Still an admin", active=False, access=ADMIN)
    company.user(4, "Default role", active=False)
    company.user(5, "Still in a role", active=False)
    company.user(6, "Role given up", active=False)
    company.user(7, "Still has a set", active=False, access=[entry("a")])
    company.user(8, "Still holds", active=False)
    company.user(9, "Holds nothing", active=False)
    company.assign(4, 1)
    company.assign(5, 1, 2)
    company.assign(6, 2, active=False)
    company.assign(99, 2)
    company.flags(8, can_x=True)
    company.flags(9, can_x=False)

    assert company.table("reviewed_users", "user_id") == [(1,), (3,), (5,), (7,), (8,)]


def test_macros_of_reports_are_no_models_of_the_warehouse() -> None:
    models = Models(sql_folder())

    assert {model.name for model in models.of("reports")} == {
        "combination_texts", "explained_permissions", "population", "role_outliers", "sensitive_holders",
        "subject_labels", "timeline_users",
    }  # fmt: skip
    assert not any(model.is_published for model in models.of("reports"))
