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
        "access_profiles", "combination_texts", "deal_viewers", "explained_permissions", "finding_totals",
        "labelled_changes", "missing_roles", "open_findings", "population", "reported_roles",
        "reported_users", "role_outliers", "sensitive_holders", "subject_labels", "subjects_named",
        "timeline_users", "users_without_role", "waiver_problems",
    }  # fmt: skip
    assert {model.name for model in models.of("reviews")} == {"review_holders"}
    assert not any(model.is_published for model in [*models.of("reports"), *models.of("reviews")])


def test_users_with_the_same_permissions_share_a_profile(company: Company) -> None:
    company.permission_set("a", ["can_x"], name="Closers")
    for user_id in (1, 2, 3):
        company.user(user_id, f"User{user_id}", access=[entry("a")])
    company.flags(1, can_x=True, can_y=False)
    company.flags(2, can_x=True, can_y=False)
    company.flags(3, can_x=None)

    unknown = "not known: the answer for this user names it without a value"
    assert company.rows(
        "SELECT profile, list_sort(user_ids) FROM access_profiles('acme') ORDER BY len(user_ids) DESC"
    ) == [
        ([["can_x", "true", "granted by Closers"], ["can_y", "false", "not granted"]], [1, 2]),
        ([["can_x", None, unknown]], [3]),
    ]


def test_people_of_the_report(company: Company) -> None:
    company.role(1, "Sales")
    company.user(1, "Ana", access=[entry("b", admin=True), entry("a")])
    company.user(2, "Bo", active=False)
    company.user(3, None, deleted=True)
    company.user(4, "Di", active=None)
    company.assign(1, 1)
    company.assign(1, 2, active=False)

    assert company.rows(
        "SELECT user_id, name, state, admin, access, seats FROM reported_users('acme') ORDER BY user_id"
    ) == [
        (
            1,
            "Ana",
            0,
            True,
            [["sales", "a", "false"], ["sales", "b", "true"]],
            [["1", "true", "observed"], ["2", "false", "observed"]],
        ),
        (2, "Bo", 1, False, None, None),
        (3, None, 2, False, None, None),
        (4, "Di", 3, False, None, None),
    ]


def test_findings_by_severity(company: Company) -> None:
    for number, (severity, status, opened, resolved) in enumerate(
        (
            ("high", "open", 0, None),
            ("high", "open", 2, None),
            ("high", "waived", 2, None),
            ("high", "resolved", 0, 2),
            ("low", "resolved", 0, 1),
        )
    ):
        company.insert(
            "findings",
            finding_id=str(number),
            severity=severity,
            status=status,
            opened_at=NIGHTS[opened],
            resolved_at=None if resolved is None else NIGHTS[resolved],
        )

    # severity, open, waived, opened since, resolved since
    assert company.rows("FROM finding_totals('acme', TIMESTAMP '2026-11-21 02:00') ORDER BY ALL") == [
        ("high", 2, 1, 1, 1),
        ("low", 0, 0, 0, 0),
    ]


def test_open_findings_after_each_snapshot(company: Company) -> None:
    company.snapshot(1)
    snapshots = company.rows("SELECT snapshot_id FROM snapshots ORDER BY started_at")
    for (snapshot_id,), high in zip(snapshots, (3, 1), strict=True):
        for severity, status, findings in (("high", "open", high), ("low", "open", 1), ("low", "waived", 9)):
            company.insert(
                "finding_counts", snapshot_id=snapshot_id, severity=severity, status=status, findings=findings
            )

    assert company.rows("SELECT started_at, findings FROM open_findings('acme') ORDER BY ALL") == [
        (NIGHTS[0], 4),
        (NIGHTS[1], 2),
    ]


def test_roles_of_the_report(company: Company) -> None:
    company.policy(sensitive_permissions=[("can_x",)])
    company.role(1, "Sales")
    company.role(2, None, 1)
    company.user(1, "Ana")
    company.user(2, "Bo")
    company.assign(1, 1)
    company.assign(2, 1, 7)
    company.flags(1, can_x=True)

    # role, name, label, parent, active, members, sensitive
    assert company.rows("FROM reported_roles('acme') ORDER BY ALL") == [
        (1, "Sales", "Sales", None, True, 2, 1),
        (2, None, "role 2", 1, True, 0, 0),
    ]


def test_roles_that_are_missing(company: Company) -> None:
    company.role(1, "Sales")
    for user_id in (1, 2):
        company.user(user_id, f"User{user_id}")
    company.assign(1, 1, 7, 8)
    company.assign(2, 7)
    company.coverage("roles/{id}", 7, "gone")

    # role, users, whether it is proven not to exist
    assert company.rows("FROM missing_roles('acme') ORDER BY ALL") == [(7, 2, True), (8, 1, False)]


def test_users_without_a_role(company: Company) -> None:
    for user_id, active in ((1, True), (2, True), (3, True), (4, False), (5, True)):
        company.user(user_id, f"User{user_id}", active=active)
    company.assign(1, 1)
    company.assign(2, 1, active=False)
    company.assign(3)
    company.assign(4)

    assert company.rows("FROM users_without_role('acme') ORDER BY ALL") == [(2,), (3,)]


def test_subjects_with_an_address_or_an_id(company: Company) -> None:
    company.user(1, "Ana", until=1)
    company.user(1, "Ana", email="new@example.com", since=1)
    company.role(1, "Sales")

    assert company.rows("FROM subjects_named('ANA@example.com')") == [("acme", "user", "1")]
    assert company.rows("FROM subjects_named('new@example.com')") == [("acme", "user", "1")]
    assert company.rows("FROM subjects_named('1') ORDER BY ALL") == [
        ("acme", "role", "1"),
        ("acme", "user", "1"),
    ]
    assert company.rows("FROM subjects_named('nobody')") == []


def test_changes_have_labels(company: Company) -> None:
    company.snapshot(1)
    company.role(1, "Sales")
    company.role(2, "Support")
    company.user(1, "Ana", role_id=1, until=1)
    company.user(1, "Ana", role_id=2, since=1)

    assert company.rows(
        "SELECT changed_at, kind, subject_label, before, after, before_label, after_label, snapshot_status"
        " FROM labelled_changes() WHERE object = 'role_id'"
    ) == [(NIGHTS[1], "changed", "Ana (ana@example.com)", "1", "2", "Sales", "Support", "complete")]


def test_waivers_with_a_problem(company: Company) -> None:
    waiver = {"subject": "1", "object": None, "reason": "fine", "owner": "Kim", "expires": NIGHTS[4].date()}
    company.insert("waivers", waiver_id="a", rule="multiple_roles", state="active", **waiver)
    company.insert("waivers", waiver_id="b", rule="dormant_user", state="expired", **waiver)
    company.insert("waivers", waiver_id="c", rule="missing_permission", state="unmatched", **waiver)
    company.insert(
        "findings", finding_id="1", rule="missing_permission", object="can_x", status="open", subject_id="1"
    )

    expected = [
        ("dormant_user", "1", None, "Kim", "2026-11-24", "expired", False),
        ("missing_permission", "1", None, "Kim", "2026-11-24", "unmatched", True),
    ]
    assert company.rows("FROM waiver_problems('acme') ORDER BY ALL") == expected
    assert company.rows("FROM waiver_problems(NULL) ORDER BY ALL") == expected
    assert company.rows("FROM waiver_problems('other')") == []
