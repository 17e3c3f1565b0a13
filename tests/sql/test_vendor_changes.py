"""Which changes are Pipedrive's own, over literal answers of ten users: staging.vendor_changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from pipedrive_graph.warehouse import tables

from .literal import MODELS, NIGHTS, SHIPPED

EXPORT = "can_export_data_from_lists"
USERS = range(1, 11)


class Answers:
    """Answers about ten users: five have set `a` and role 7, five have set `b` and role 8.

    Attributes:
        before: who held what, as the history has it.
        now: who is granted what by the latest answers.
        incomparable: users whose own access changed.
        newcomers: users who have come into a set and a role in which nobody else is.
        inactive: deactivated users.
        first: users who are answered for the first time under their access.
        unanswered: users without an answer.
        unknown: users of whom the history does not know what they hold.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.before: dict[str, set[int]] = {}
        self.now: dict[str, set[int]] = {}
        self.incomparable: set[int] = set()
        self.newcomers: set[int] = set()
        self.inactive: set[int] = set()
        self.first: set[int] = set()
        self.unanswered: set[int] = set()
        self.unknown: set[int] = set()
        self.users = list(USERS)

    def changes(self) -> dict[tuple[str, str, bool], list[int]]:
        """The users of each permission, change and whether it is held."""
        for user in self.users:
            name, role = ("a", 7) if user <= 5 else ("b", 8)
            access = [{"app": "sales", "admin": False, "permission_set_id": name}]
            if user in self.newcomers:
                access, role = [{**access[0], "permission_set_id": "other"}], 9
            else:
                self._insert("history.users", user_id=user, active=True, access=access)
                self._insert("history.user_roles", user_id=user, role_id=role, active=True)
            self._insert("staging.users", user_id=user, active=user not in self.inactive, access=access)
            self._insert("staging.user_roles", user_id=user, role_id=role, active=True)
            if user in self.unanswered:
                continue
            flags = [
                {"permission": permission, "value": "", "granted": user in holders}
                for permission, holders in self.now.items()
            ]
            self._insert("staging.permissions_answered", user_id=user, digest=str(user))
            self.connection.execute(
                "INSERT INTO staging.permission_answers VALUES (?, ?, ?)", [str(user), flags, str(user)]
            )
            if user not in self.incomparable | self.newcomers:
                self._insert(
                    "staging.comparable_users",
                    user_id=user,
                    live=user not in self.inactive,
                    answered_before=user not in self.first,
                    unchanged=False,
                )
        for permission, holders in self.before.items():
            for user in self.users:
                self._insert(
                    "history.user_permissions",
                    user_id=user,
                    permission=permission,
                    granted=None if user in self.unknown else user in holders,
                    valid_from=NIGHTS[0],
                )
        found: dict[tuple[str, str, bool], list[int]] = {}
        query = MODELS["staging.vendor_changes"].query
        for permission, change, held, user in self.connection.execute(
            f"SELECT permission, change, held, user_id FROM ({query}) ORDER BY ALL"  # noqa: S608
        ).fetchall():
            found.setdefault((permission, change, held), []).append(user)
        return found

    def version(self, user: int, permission: str, since: int, until: int | None) -> None:
        """A version of what a user held, whether or not it is over."""
        self._insert(
            "history.user_permissions",
            user_id=user,
            permission=permission,
            granted=True,
            valid_from=NIGHTS[since],
            valid_to=None if until is None else NIGHTS[until],
        )

    def answered(self, user: int, night: int) -> None:
        """When the permissions of a user were last answered."""
        if user not in self.users:
            self._insert("history.users", user_id=user, active=True, access=[])
        self._insert(
            "history.observations",
            history_table="user_permissions",
            subject_id=str(user),
            last_at=NIGHTS[night],
        )

    def snapshot(
        self, night: int, *, held: bool, permission: str = "can_other", change: str = "granted"
    ) -> None:
        """An accepted snapshot before the latest one, with a change that was held or not."""
        self._insert(
            "history.snapshots", snapshot_id=f"s{night}", started_at=NIGHTS[night], status="complete"
        )
        self._insert(
            "history.vendor_changes",
            snapshot_id=f"s{night}",
            user_id=1,
            permission=permission,
            change=change,
            held=held,
        )

    def _insert(self, table: str, **values: Any) -> None:
        row = {"company": "acme"} | values
        marks = ", ".join("?" for _ in row)
        statement = f"INSERT INTO {table}({', '.join(row)}) VALUES ({marks})"  # noqa: S608
        self.connection.execute(statement, list(row.values()))


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        tables.create(connection)
        connection.execute("""
            CREATE SCHEMA staging;
            CREATE SCHEMA landing;
            CREATE TABLE landing.batch AS SELECT 'acme' AS company;
            CREATE TABLE staging.comparable_users (
                company VARCHAR, user_id BIGINT, live BOOLEAN, answered_before BOOLEAN,
                unchanged BOOLEAN
            );
            CREATE TABLE staging.permission_answers (
                answer VARCHAR, flags STRUCT(permission VARCHAR, "value" VARCHAR, granted BOOLEAN)[],
                digest VARCHAR
            );
            CREATE TABLE staging.permissions_answered (company VARCHAR, user_id BIGINT, digest VARCHAR);
            CREATE TABLE staging.unanswered_permissions (
                company VARCHAR, user_id BIGINT, permission VARCHAR
            );
            CREATE TABLE staging.permission_names (company VARCHAR, permission VARCHAR, leaves BOOLEAN);
            CREATE TABLE staging.user_roles (
                company VARCHAR, user_id BIGINT, role_id BIGINT, active BOOLEAN
            );
            CREATE TABLE staging.users (
                company VARCHAR, user_id BIGINT, active BOOLEAN, deleted BOOLEAN,
                access STRUCT(app VARCHAR, admin BOOLEAN, permission_set_id VARCHAR)[]
            )""")
        for name in ("thresholds", "sensitive_permissions"):
            for row in SHIPPED.rows()[name]:
                marks = ", ".join("?" for _ in row)
                statement = f"INSERT INTO policy.{name} VALUES ('acme', {marks})"  # noqa: S608
                connection.execute(statement, list(row))
        yield connection


@pytest.fixture
def answers(warehouse: duckdb.DuckDBPyConnection) -> Iterator[Answers]:
    warehouse.execute("BEGIN")
    yield Answers(warehouse)
    warehouse.execute("ROLLBACK")


def everybody(*others: int) -> set[int]:
    """All ten but for these."""
    return set(USERS) - {*others}


def test_a_permission_that_everybody_is_granted_is_held(answers: Answers) -> None:
    answers.before = {"can_x": {1, 2}}
    answers.now = {"can_x": {1, 2}, "can_new": everybody()}

    assert answers.changes() == {("can_new", "granted", True): [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}


def test_two_permissions_at_once_are_held(answers: Answers) -> None:
    answers.before = {"can_x": {1, 2}, "can_known": set()}
    answers.now = {"can_x": {1, 2}, "can_new": everybody(), "can_known": everybody()}

    assert [*answers.changes()] == [("can_known", "granted", True), ("can_new", "granted", True)]


def test_a_sensitive_permission_that_everybody_is_granted_is_not_held(answers: Answers) -> None:
    answers.now = {EXPORT: everybody()}

    assert answers.changes() == {(EXPORT, "granted", False): [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}


def test_who_holds_it_already_is_not_counted(answers: Answers) -> None:
    answers.before = {"can_known": {2, 7}}
    answers.now = {"can_known": everybody()}

    assert answers.changes() == {("can_known", "granted", True): [1, 3, 4, 5, 6, 8, 9, 10]}


@pytest.mark.parametrize(
    "holders",
    [
        pytest.param(everybody(4), id="all but one"),
        pytest.param({1, 2, 3, 4, 5}, id="one set and role"),
        pytest.param({1, 2, 3, 6, 7, 8}, id="some of each"),
    ],
)
def test_what_not_everybody_is_granted_is_not_pipedrives(answers: Answers, holders: set[int]) -> None:
    answers.now = {"can_new": holders}

    assert answers.changes() == {}


def test_what_one_set_and_role_lacked_is_not_pipedrives(answers: Answers) -> None:
    answers.before = {"can_known": {6, 7, 8, 9, 10}}
    answers.now = {"can_known": everybody()}

    assert answers.changes() == {}


@pytest.mark.parametrize(
    ("incomparable", "inactive", "unanswered", "hit"),
    [
        pytest.param({3}, set(), set(), [1, 2, 4, 5, 6, 7, 8, 9, 10], id="whose access changed, is found"),
        pytest.param(set(), {3}, set(), [1, 2, 4, 5, 6, 7, 8, 9, 10], id="inactive, and not granted it"),
        pytest.param(set(), set(), {3}, [1, 2, 4, 5, 6, 7, 8, 9, 10], id="not answered"),
        pytest.param({1, 2, 3, 4, 5}, set(), set(), [], id="nobody comparable in a set and role"),
        pytest.param(set(), set(), {1, 2, 3, 4, 5}, [], id="nobody answered of a set"),
        pytest.param(set(), set(), {2, 3, 4, 7, 8, 9}, [], id="only four are left"),
        pytest.param(set(), set(), {2, 3, 4, 7, 8}, [1, 5, 6, 9, 10], id="five are left"),
    ],
)
def test_only_what_can_be_compared_counts(
    answers: Answers,
    incomparable: set[int],
    inactive: set[int],
    unanswered: set[int],
    hit: list[int],
) -> None:
    answers.incomparable, answers.inactive, answers.unanswered = incomparable, inactive, unanswered
    answers.now = {"can_new": everybody(*inactive)}

    assert answers.changes() == ({("can_new", "granted", True): hit} if hit else {})


@pytest.mark.parametrize("users", [1, 2, 3, 4, 5])
def test_a_small_company_is_told_of_each_change(answers: Answers, users: int) -> None:
    answers.users = list(range(6, 6 + users))
    answers.now = {"can_new": everybody()}

    assert len(answers.changes()) == (users == 5)


@pytest.mark.parametrize("sensitive", [False, True])
def test_what_is_taken_from_everybody_is_held(answers: Answers, sensitive: bool) -> None:
    permission = EXPORT if sensitive else "can_x"
    answers.before = {permission: everybody(), "can_y": {1, 2, 3}}
    answers.now = {"can_y": {1, 2}}

    assert answers.changes() == {(permission, "revoked", True): [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}


def test_what_is_taken_from_all_who_held_it_in_one_set_is_not_pipedrives(answers: Answers) -> None:
    answers.before = {"can_x": {1, 2, 3, 4, 5}, "can_y": everybody()}
    answers.now = {"can_x": set(), "can_y": everybody()}

    assert answers.changes() == {}


def test_where_nobody_keeps_anything_all_of_it_is_held(answers: Answers) -> None:
    answers.before = {EXPORT: {1}, "can_x": {1, 2, 3, 4, 5}, "can_y": {6, 7, 8, 9}}
    answers.now = {EXPORT: set(), "can_x": set(), "can_y": set()}

    assert answers.changes() == {
        (EXPORT, "revoked", True): [1],
        ("can_x", "revoked", True): [1, 2, 3, 4, 5],
        ("can_y", "revoked", True): [6, 7, 8, 9],
    }


def test_what_one_is_granted_where_nobody_keeps_anything_is_not_held(answers: Answers) -> None:
    answers.before = {"can_x": everybody()}
    answers.now = {"can_x": set(), EXPORT: {4}, "can_z": {5}}

    assert answers.changes() == {("can_x", "revoked", True): [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param({4}, id="one keeps it"),
        pytest.param({1, 2, 3, 4, 5}, id="one set and role keeps it"),
    ],
)
def test_where_somebody_keeps_something_nothing_is_held(answers: Answers, kept: set[int]) -> None:
    answers.before = {"can_x": {1, 2, 3, 4, 5}, "can_y": {6, 7, 8, 9}, "can_z": kept}
    answers.now = {"can_z": kept}

    assert answers.changes() == {}


def test_a_first_answer_is_held_as_well_and_does_not_count(answers: Answers) -> None:
    answers.first = {3, 7}
    answers.before = {"can_x": {1, 2}}
    answers.now = {"can_new": everybody(), "can_x": {1, 2, 3}}

    assert answers.changes() == {("can_new", "granted", True): [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}


def test_who_comes_into_an_empty_role_does_not_count(answers: Answers) -> None:
    answers.newcomers = {3}
    answers.now = {"can_new": everybody()}

    assert answers.changes() == {("can_new", "granted", True): [1, 2, 4, 5, 6, 7, 8, 9, 10]}


@pytest.mark.parametrize("change", ["granted", "revoked"])
def test_what_is_believed_by_now_is_not_pipedrives_again(answers: Answers, change: str) -> None:
    answers.snapshot(1, held=True, permission="can_x", change=change)
    answers.snapshot(3, held=False, permission="can_other")
    answers.before = {"can_x": set() if change == "granted" else everybody()}
    answers.now = {"can_x": everybody() if change == "granted" else set()}
    answers.answered(99, 2)
    answers.version(
        99, "can_x", since=2 if change == "granted" else 0, until=None if change == "granted" else 2
    )

    assert answers.changes() == {}


@pytest.mark.parametrize("change", ["granted", "revoked"])
def test_what_was_held_and_not_believed_is_pipedrives_again(answers: Answers, change: str) -> None:
    answers.snapshot(1, held=True, permission="can_x", change=change)
    answers.snapshot(3, held=False, permission="can_other")
    answers.before = {"can_x": set() if change == "granted" else everybody()}
    answers.now = {"can_x": everybody() if change == "granted" else set()}

    assert [*answers.changes()] == [("can_x", change, True)]


@pytest.mark.parametrize("change", ["granted", "revoked"])
def test_what_one_user_gained_or_lost_since_is_no_reason_to_believe(answers: Answers, change: str) -> None:
    answers.snapshot(1, held=True, permission="can_x", change=change)
    answers.snapshot(3, held=False, permission="can_other")
    for user in (*answers.users, 99):
        answers.answered(user, 3)
    answers.before = {"can_x": set() if change == "granted" else everybody()}
    answers.now = {"can_x": everybody() if change == "granted" else set()}
    answers.version(
        99, "can_x", since=3 if change == "granted" else 0, until=None if change == "granted" else 3
    )

    assert [*answers.changes()] == [("can_x", change, True)]


def test_what_was_taken_and_given_back_may_be_taken_again(answers: Answers) -> None:
    answers.snapshot(1, held=True, permission="can_x", change="revoked")
    answers.snapshot(3, held=False, permission="can_other")
    answers.before, answers.now = {}, {"can_x": set()}
    for user in answers.users:
        answers.answered(user, 3)
        answers.version(user, "can_x", since=0, until=2)
        answers.version(user, "can_x", since=3, until=None)

    assert [*answers.changes()] == [("can_x", "revoked", True)]


def test_a_value_that_was_not_known_has_not_changed(answers: Answers) -> None:
    answers.before = {"can_known": set()}
    answers.unknown = {3}
    answers.now = {"can_known": everybody()}

    assert answers.changes() == {("can_known", "granted", True): [1, 2, 4, 5, 6, 7, 8, 9, 10]}


@pytest.mark.parametrize(
    ("nights", "held"),
    [
        pytest.param([(0, False)], True, id="nothing held before"),
        pytest.param([(0, True)], False, id="held in the snapshot before"),
        pytest.param([(0, True), (1, False)], True, id="held two snapshots before"),
    ],
)
def test_after_a_held_snapshot_nothing_is_held(
    answers: Answers, nights: list[tuple[int, bool]], held: bool
) -> None:
    for night, something in nights:
        answers.snapshot(night, held=something)
    answers.now = {"can_new": everybody()}

    assert len(answers.changes()) == held
