"""access_changes: changes between snapshots, and differences that must not count as changes."""

from __future__ import annotations

import duckdb
import pytest

from .literal import NIGHTS, Company


@pytest.fixture
def company(company: Company) -> Company:
    """Five nights; Ana is there from the first to the last."""
    for night in (1, 2, 3, 4):
        company.snapshot(night)
    return company


def entry(permission_set_id: str | None, app: str = "sales", admin: bool = False) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


def changes(company: Company) -> list[tuple[object, ...]]:
    return company.table(
        "access_changes",
        "snapshot_id, kind, subject_kind, subject_id, object_kind, object, before, after",
    )


def granted(night: int, kind: str, what: str, user_id: int = 1) -> tuple[object, ...]:
    before, after = ("false", "true") if kind == "granted" else ("true", "false")
    return (f"s{night}", kind, "user", str(user_id), "permission", what, before, after)


def test_first_snapshot_yields_none(company: Company) -> None:
    company.role(1, "Sales")
    company.permission_set("a", ["can_x"])
    company.user(1, "Ana", access=[entry("a", admin=True)])
    company.assign(1, 1)
    company.flags(1, can_x=True, can_y=False)

    assert changes(company) == []


def test_time_and_snapshot_are_those_that_saw_it(company: Company) -> None:
    company.user(1, "Ana", until=2)

    assert company.table("access_changes", 'company, snapshot_id, changed_at, kind, "at"') == [
        ("acme", "s2", NIGHTS[2], "removed", NIGHTS[2])
    ]


def test_new_user_is_added_with_all_that_they_hold(company: Company) -> None:
    company.user(1, "Ana")
    company.user(2, "Bob", access=[entry("a"), entry("b", "global", admin=True)], since=2)
    company.assign(2, 3, since=2)
    company.assign(2, 4, since=2, active=False)
    company.flags(2, can_x=True, can_y=False, since=2)

    assert changes(company) == [
        ("s2", "added", "user", "2", None, None, None, None),
        ("s2", "granted", "user", "2", "admin", "global", "false", "true"),
        ("s2", "granted", "user", "2", "permission", "can_x", "false", "true"),
        ("s2", "granted", "user", "2", "permission_set", "a", "false", "true"),
        ("s2", "granted", "user", "2", "permission_set", "b", "false", "true"),
        ("s2", "granted", "user", "2", "role", "3", "false", "true"),
    ]


def test_removed_user_loses_all(company: Company) -> None:
    company.user(1, "Ana", access=[entry("a")], until=2)
    company.assign(1, 3, until=2)
    company.flags(1, can_x=True, can_y=False, until=2)

    assert changes(company) == [
        ("s2", "removed", "user", "1", None, None, None, None),
        ("s2", "revoked", "user", "1", "permission", "can_x", "true", "false"),
        ("s2", "revoked", "user", "1", "permission_set", "a", "true", "false"),
        ("s2", "revoked", "user", "1", "role", "3", "true", "false"),
    ]


def test_user_who_comes_back_is_added_again(company: Company) -> None:
    company.user(1, "Ana", access=[entry("a")], until=1)
    company.user(1, "Ana", access=[entry("a")], since=3)
    company.flags(1, can_x=True, until=1)
    company.flags(1, can_x=True, since=3)

    assert [(row[0], row[1], row[5]) for row in changes(company)] == [
        ("s1", "removed", None),
        ("s1", "revoked", "can_x"),
        ("s1", "revoked", "a"),
        ("s3", "added", None),
        ("s3", "granted", "can_x"),
        ("s3", "granted", "a"),
    ]


def test_attributes(company: Company) -> None:
    company.user(1, "Ana", role_id=1, is_admin=False, until=2)
    company.user(1, "Anna", role_id=None, is_admin=True, email="ana@example.com", active=False, since=2)

    assert [row[1:] for row in changes(company)] == [
        ("changed", "user", "1", "attribute", "active", "true", "false"),
        ("changed", "user", "1", "attribute", "is_admin", "false", "true"),
        ("changed", "user", "1", "attribute", "name", "Ana", "Anna"),
        ("changed", "user", "1", "attribute", "role_id", "1", None),
    ]


def test_what_is_not_known_for_a_while_is_no_change(company: Company) -> None:
    for night, active, is_admin, access in [
        (0, True, None, [entry("a")]),
        (1, None, False, None),
        (2, True, None, [entry("a")]),
        (3, False, True, [entry("b")]),
    ]:
        company.user(
            1, "Ana", active=active, is_admin=is_admin, access=access, deleted=None if night else False,
            since=night, until=night + 1 if night < 3 else None,
        )  # fmt: skip

    assert changes(company) == [
        ("s3", "changed", "user", "1", "attribute", "active", "true", "false"),
        ("s3", "changed", "user", "1", "attribute", "is_admin", "false", "true"),
        ("s3", "granted", "user", "1", "permission_set", "b", "false", "true"),
        ("s3", "revoked", "user", "1", "permission_set", "a", "true", "false"),
    ]


def test_access_seen_for_the_first_time_is_no_change(company: Company) -> None:
    company.user(1, "Ana", access=None, until=1)
    company.user(1, "Ana", access=[entry("a", admin=True)], since=1, until=2)
    company.user(1, "Ana", access=[entry("a")], since=2)

    assert changes(company) == [("s2", "revoked", "user", "1", "admin", "sales", "true", "false")]


def test_admin_of_each_app(company: Company) -> None:
    company.user(1, "Ana", access=[entry("a", admin=True), entry("b", "global")], until=1)
    company.user(1, "Ana", access=[entry("a"), entry("b", "global", admin=True)], since=1)

    assert changes(company) == [
        ("s1", "granted", "user", "1", "admin", "global", "false", "true"),
        ("s1", "revoked", "user", "1", "admin", "sales", "true", "false"),
    ]


def test_flags(company: Company) -> None:
    company.user(1, "Ana")
    company.flags(1, can_x=False, until=1)
    company.flags(1, can_x=True, since=1, until=3)
    company.flags(1, can_x=False, since=3)

    assert changes(company) == [granted(1, "granted", "can_x"), granted(3, "revoked", "can_x")]


def test_absent_is_as_good_as_false(company: Company) -> None:
    company.user(1, "Ana")
    company.flags(1, can_old=False, can_gone=True, until=2)
    company.flags(1, can_late=True, can_no=False, since=2)
    company.flags(1, can_old=True, since=3)

    assert changes(company) == [
        granted(2, "granted", "can_late"),
        granted(2, "revoked", "can_gone"),
        granted(3, "granted", "can_old"),
    ]


def test_first_answer_about_a_known_user_is_no_change(company: Company) -> None:
    company.user(1, "Ana")
    company.flags(1, can_x=True, can_y=False, since=2, until=3)
    company.assign(1, 3, since=2)
    company.flags(1, can_y=True, since=3)

    assert changes(company) == [granted(3, "granted", "can_y"), granted(3, "revoked", "can_x")]


def test_first_answer_about_a_new_user_who_was_refused_at_first(company: Company) -> None:
    company.user(2, "Bob", since=1)
    company.flags(2, can_x=True, since=2)

    assert changes(company) == [("s1", "added", "user", "2", None, None, None, None)]


def test_flag_without_a_value_counts_as_it_was(company: Company) -> None:
    company.user(1, "Ana")
    company.flags(1, can_x=True, can_y=True, can_first=None, until=1)
    company.flags(1, can_x=None, can_y=None, can_new=None, since=1, until=2)
    company.flags(1, can_x=True, can_y=False, can_new=True, can_first=True, since=2)

    assert changes(company) == [
        granted(2, "granted", "can_first"),
        granted(2, "granted", "can_new"),
        granted(2, "revoked", "can_y"),
    ]


def test_flag_without_a_value_at_first_is_compared_with_nothing(company: Company) -> None:
    company.user(1, "Ana")
    company.flags(1, can_x=None, since=1, until=2)
    company.flags(1, can_x=True, since=2)

    assert changes(company) == []


def test_assignments(company: Company) -> None:
    company.user(1, "Ana")
    company.assign(1, 1, until=1)
    company.assign(1, 2, since=1)
    company.assign(1, 3, until=2)
    company.assign(1, 3, since=2, active=False)

    assert changes(company) == [
        ("s1", "granted", "user", "1", "role", "2", "false", "true"),
        ("s1", "revoked", "user", "1", "role", "1", "true", "false"),
        ("s2", "revoked", "user", "1", "role", "3", "true", "false"),
    ]


def test_roles_and_sets(company: Company) -> None:
    company.role(1, "Sales", None, until=1)
    company.role(1, "Sales", 2, since=1, active=None)
    company.role(2, "New", since=1)
    company.role(3, "Gone", until=2)
    company.permission_set("a", ["can_x"], until=1)
    company.permission_set("a", None, since=1, until=2)
    company.permission_set("a", ["can_x", "can_y"], since=2)
    company.permission_set("b", ["can_x"], until=3)
    company.permission_set("c", None, since=1)

    assert changes(company) == [
        ("s1", "added", "permission_set", "c", None, None, None, None),
        ("s1", "added", "role", "2", None, None, None, None),
        ("s1", "changed", "role", "1", "attribute", "parent_role_id", None, "2"),
        ("s2", "changed", "permission_set", "a", "attribute", "contents", '["can_x"]',
         '["can_x","can_y"]'),
        ("s2", "removed", "role", "3", None, None, None, None),
        ("s3", "removed", "permission_set", "b", None, None, None, None),
    ]  # fmt: skip


def test_first_list_of_sets_and_of_roles_is_no_change(company: Company) -> None:
    company.user(1, "Ana")
    company.permission_set("a", ["can_x"], since=2)
    company.permission_set("b", ["can_x"], since=3)
    company.role(1, "Sales", since=2)

    assert changes(company) == [("s3", "added", "permission_set", "b", None, None, None, None)]


def test_rejected_snapshot_is_no_beginning(company: Company) -> None:
    other = Company(company.connection, "other")
    other.snapshot(0, "rejected")
    other.snapshot(1)
    other.snapshot(2)
    other.user(1, "Ana", since=1)
    other.user(2, "Bob", since=2)

    assert company.table("access_changes", "company, snapshot_id, kind, subject_id") == [
        ("other", "s2", "added", "2")
    ]


def test_entry_that_does_not_say_whether_it_is_an_admins_counts_as_before(company: Company) -> None:
    unclear = {"app": "sales", "admin": None, "permission_set_id": "a"}
    for user_id, first, last in [(1, True, True), (2, False, True), (3, True, False)]:
        company.user(user_id, "Ana", access=[entry("a", admin=first)], until=1)
        company.user(user_id, "Ana", access=[unclear], since=1, until=2)
        company.user(user_id, "Ana", access=[entry("a", admin=last)], since=2)
    company.user(4, "Bob", access=[unclear], until=2)
    company.user(4, "Bob", access=[entry("a", admin=True)], since=2)

    assert [(row[0], row[1], row[3], row[4]) for row in changes(company)] == [
        ("s2", "granted", "2", "admin"),
        ("s2", "revoked", "3", "admin"),
    ]


def by_sets(company: Company) -> list[tuple[object, ...]]:
    """Of each change of a permission, the set whose edit it comes from."""
    return company.rows("""
        SELECT snapshot_id, subject_id, kind, object, edited_set FROM access_changes
        WHERE object_kind = 'permission' ORDER BY ALL""")


def test_permission_that_comes_or_goes_with_the_edit_of_a_set(company: Company) -> None:
    company.permission_set("a", ["can_old"], until=1)
    company.permission_set("a", ["can_new"], since=1)
    for user_id, before, after in [(1, "a", "a"), (2, "b", "a"), (3, "a", "b"), (4, None, None)]:
        company.user(user_id, "Ana", access=[entry(before)] if before else None, until=1)
        company.user(user_id, "Anna", access=[entry(after)] if after else None, since=1)
        company.flags(user_id, can_old=True, can_new=False, until=1)
        company.flags(user_id, can_old=False, can_new=True, since=1)

    assert by_sets(company) == [
        ("s1", "1", "granted", "can_new", "a"),
        ("s1", "1", "revoked", "can_old", "a"),
        ("s1", "2", "granted", "can_new", None),
        ("s1", "2", "revoked", "can_old", None),
        ("s1", "3", "granted", "can_new", None),
        ("s1", "3", "revoked", "can_old", None),
        ("s1", "4", "granted", "can_new", None),
        ("s1", "4", "revoked", "can_old", None),
    ]


@pytest.mark.parametrize(
    ("edited", "reported", "partial", "explained"),
    [
        (2, 2, None, True),
        # complete nights: the user held it not when the set granted it, and holds it later
        (1, 2, None, False),
        (3, 2, None, False),
        # the user was not answered in the night of the edit, or the set was not
        (1, 2, 1, True),
        (3, 2, 2, True),
        (1, 3, 1, False),
    ],
)
def test_edit_counts_until_the_next_complete_answers(
    connection: duckdb.DuckDBPyConnection, edited: int, reported: int, partial: int | None, explained: bool
) -> None:
    company = Company(connection)
    for night in range(5):
        company.snapshot(night, "partial" if night == partial else "complete")
    company.permission_set("a", [], until=edited)
    company.permission_set("a", ["can_x"], since=edited)
    company.user(1, "Ana", access=[entry("a")])
    company.flags(1, can_x=False, until=reported)
    company.flags(1, can_x=True, since=reported)

    assert by_sets(company) == [(f"s{reported}", "1", "granted", "can_x", "a" if explained else None)]


def test_edit_counts_until_the_user_is_asked_where_few_are(connection: duckdb.DuckDBPyConnection) -> None:
    company = Company(connection)
    for night in range(5):
        company.snapshot(night, collect="by-access")
    company.permission_set("a", [], until=1)
    company.permission_set("a", ["can_x"], since=1)
    company.user(1, "Ana", access=[entry("a")])
    company.flags(1, can_x=False, until=4)
    company.flags(1, can_x=True, since=4)

    assert by_sets(company) == [("s4", "1", "granted", "can_x", "a")]


def test_contents_that_are_known_for_the_first_time_are_no_edit(company: Company) -> None:
    company.permission_set("a", None, until=1)
    company.permission_set("a", ["can_x"], since=1)
    company.user(1, "Ana", access=[entry("a")])
    company.flags(1, can_x=False, until=1)
    company.flags(1, can_x=True, since=1)

    assert by_sets(company) == [("s1", "1", "granted", "can_x", None)]
