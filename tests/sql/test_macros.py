"""The macros who_can, why, access_of and access_at over literal rows."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.warehouse import tables
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

from .literal import NIGHTS, Company


def entry(permission_set_id: str | None, app: str = "sales", admin: bool | None = False) -> dict[str, object]:
    return {"app": app, "admin": admin, "permission_set_id": permission_set_id}


@pytest.fixture
def company(company: Company) -> Company:
    """A small company in which everything happens once."""
    company.snapshot(1)
    company.role(1, "Sales")
    company.role(2, "Support")
    company.permission_set("a", ["can_x"])
    company.permission_set("b", ["can_x", "can_y"])
    company.permission_set("n", None)
    company.user(1, "Ana", access=[entry("a"), entry("b", "global")])
    company.user(2, "Bob", access=[entry("a", admin=True)])
    company.user(3, "Cid", access=[entry("a")])
    company.user(4, "Dan", access=[entry("n")], active=False)
    company.user(5, "Eve", access=None)
    company.user(6, "Fay", access=[])
    company.assign(1, 1, 2)
    company.assign(2, 1)
    company.assign(3, 9)
    company.assign(4, 1, active=False)
    company.flags(1, can_x=True, can_y=False, can_z=None)
    company.flags(2, can_x=True, can_y=True)
    company.flags(3, can_x=False, can_y=True)
    company.flags(4, can_y=True)
    company.flags(5, can_y=True)
    return company


def test_who_can(company: Company) -> None:
    columns = "name, live, roles, sets, admin, explained, since"

    assert company.rows(f"SELECT {columns} FROM who_can('can_y')") == [  # noqa: S608
        ("Bob", True, ["Sales"], [], True, True, NIGHTS[0]),
        ("Cid", True, ["9"], [], False, False, NIGHTS[0]),
        ("Eve", True, [], [], None, None, NIGHTS[0]),
        ("Dan", False, [], [], False, None, NIGHTS[0]),
    ]
    assert company.rows(f"SELECT {columns} FROM who_can('can_x')") == [  # noqa: S608
        ("Ana", True, ["Sales", "Support"], ["A", "B"], False, True, NIGHTS[0]),
        ("Bob", True, ["Sales"], ["A"], True, True, NIGHTS[0]),
    ]
    company.permission_set("c", ["can_unused"])
    assert company.rows("FROM who_can('can_unused')") == []


NEAR = "There is no permission 'can_yy'; did you mean can_y?"
NOBODY = "There is no user 'bobb@exmple.com'; did you mean bob@example.com?"


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("FROM who_can('can_yy')", NEAR),
        ("SELECT name FROM who_can('can_yy') WHERE live", NEAR),
        ("SELECT count(*) FROM who_can('can_yy')", NEAR),
        ("SELECT DISTINCT roles FROM who_can('can_yy') WHERE len(sets) = 0 LIMIT 1", NEAR),
        ("FROM users WHERE user_id NOT IN (SELECT user_id FROM who_can('can_yy'))", NEAR),
        ("SELECT email FROM users ANTI JOIN who_can('can_yy') USING (company, user_id)", NEAR),
        ("FROM who_can('UNUSED')", "There is no permission 'UNUSED'; did you mean can_unused?"),
        (
            "FROM who_can('delete the world')",
            "There is no permission 'delete the world'; the table permissions lists all of them.",
        ),
        (
            "FROM who_can(NULL)",
            "There is no permission ''; the table permissions lists all of them.",
        ),
        ("FROM why('bobb@exmple.com', 'can_y')", NOBODY),
        ("SELECT granted FROM why('bobb@exmple.com', 'can_nothing') WHERE granted", NOBODY),
        ("FROM why('bob@example.com', 'can_yy')", NEAR),
        ("SELECT count(*) FROM why(2, 'can_yy') WHERE granted", NEAR),
        ("FROM access_of('bobb@exmple.com')", NOBODY),
        ("SELECT label FROM access_of('bobb@exmple.com') WHERE kind = 'role'", NOBODY),
        ("FROM access_of('Bob')", "There is no user 'Bob'; did you mean bob@example.com?"),
        (
            "FROM access_of('zzz')",
            "There is no user 'zzz'; give an e-mail address or an id, as in the table users.",
        ),
        (
            "FROM access_of('@example.com')",
            "There is no user '@example.com'; "
            "did you mean ana@example.com or bob@example.com or cid@example.com?",
        ),
        (
            "FROM access_of(99)",
            "There is no user '99'; give an e-mail address or an id, as in the table users.",
        ),
        (
            "FROM access_at('2031-01-01')",
            "After the latest snapshot, as on 2031-01-01, nothing is known; "
            "the snapshots cover 2026-11-20 02:00:00 to 2026-11-21 02:00:00 (UTC).",
        ),
        (
            "SELECT name FROM access_at(DATE '2026-11-20') WHERE permission = 'can_x'",
            "Before the first snapshot, as on 2026-11-20, nothing is known; "
            "the snapshots cover 2026-11-20 02:00:00 to 2026-11-21 02:00:00 (UTC).",
        ),
        (
            "SELECT count(*) FROM access_at('soon')",
            "'soon' is not a time; write a day, such as '2026-11-24', or a moment, such as "
            "'2026-11-24 13:50'; the snapshots cover 2026-11-20 02:00:00 to 2026-11-21 02:00:00 (UTC).",
        ),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_says_what_may_be_meant(
    company: Company, question: str, sentence: str
) -> None:
    company.permission_set("c", ["can_unused"])
    # an error spoils a transaction, and what is in this one cannot be seen from another
    with pytest.raises(duckdb.InvalidInputException) as caught:
        company.rows(question)
    assert str(caught.value) == f"Invalid Input Error: {sentence}"


def test_what_was_known_once_is_no_mistake(company: Company) -> None:
    company.flags(1, can_past=True, until=1)
    company.permission_set("p", ["can_bygone"], until=1)

    assert company.rows("FROM who_can('can_past')") == []
    assert company.rows("SELECT granted FROM why('bob@example.com', 'can_bygone')") == [(False,)]
    assert company.table("permissions", "permission, sets, holders") == [
        ("can_bygone", 0, 0),
        ("can_past", 0, 0),
        ("can_x", 2, 2),
        ("can_y", 1, 4),
        ("can_z", 0, 0),
    ]


def test_a_rule_may_ask_for_what_a_company_does_not_know(company: Company) -> None:
    company.rows("SET VARIABLE rules_ask = TRUE")
    try:
        assert company.rows("FROM who_can('can_yy')") == []
        assert company.rows("FROM why('nobody@example.com', 'can_yy')") == []
        assert company.rows("FROM access_of('nobody@example.com')") == []
        assert company.rows("FROM access_at('2031-01-01')") != []
    finally:
        company.rows("RESET VARIABLE rules_ask")


@pytest.mark.parametrize(
    ("person", "flag", "rows"),
    [
        ("ana@example.com", "can_x", [
            ("Sales", True, "granted by A, B", 1), ("Support", True, "granted by A, B", 1),
        ]),
        ("ana@example.com", "can_y", [
            ("Sales", False, "not granted, although in B", 0.5),
            ("Support", False, "not granted, although in B", 0),
        ]),
        ("ana@example.com", "can_z", [
            ("Sales", None, "not known: the answer for this user names it without a value", 0),
            ("Support", None, "not known: the answer for this user names it without a value", None),
        ]),
        ("bob@example.com", "can_x", [("Sales", True, "granted by A, and to an admin", 1)]),
        ("bob@example.com", "can_y", [("Sales", True, "granted to an admin", 0.5)]),
        ("bob@example.com", "can_z", [
            ("Sales", False, "not granted: the answer for this user does not name it", None),
        ]),
        ("cid@example.com", "can_x", [("9", False, "not granted, although in A", 0)]),
        ("cid@example.com", "can_y", [
            ("9", True,
             "unexplained: no permission set of the user grants it, and the user is not an admin", 1),
        ]),
        ("dan@example.com", "can_y", [
            (None, True,
             "granted, source not known: the contents of a permission set are not known", None),
        ]),
        ("eve@example.com", "can_y", [
            (None, True,
             "granted, source not known: the user's permission sets are not known", None),
        ]),
        ("fay@example.com", "can_y", [
            (None, None, "not known: this user's permissions were never answered", None),
        ]),
    ],
)  # fmt: skip
def test_why(company: Company, person: str, flag: str, rows: list[tuple[object, ...]]) -> None:
    query = "SELECT role, granted, explanation, role_share FROM why(?, ?)"

    assert company.rows(query, person, flag) == rows


def test_person_is_an_address_in_any_case_or_an_id(company: Company) -> None:
    assert company.rows("SELECT DISTINCT name FROM why('ANA@Example.com', 'can_x')") == [("Ana",)]
    assert company.rows("SELECT DISTINCT name FROM why(1, 'can_x')") == [("Ana",)]
    assert company.rows("SELECT DISTINCT name FROM why('1', 'can_x')") == [("Ana",)]
    assert company.rows("SELECT DISTINCT email FROM access_of('ANA@Example.com')") == [("ana@example.com",)]


def test_two_users_of_one_address_are_both_answered_for(company: Company) -> None:
    company.user(7, "Ana", active=False)
    other = Company(company.connection, "other")
    other.user(1, "ana")
    other.flags(1, can_x=False)

    assert company.rows("SELECT company, user_id, role, granted FROM why('ana@example.com', 'can_x')") == [
        ("acme", 1, "Sales", True),
        ("acme", 1, "Support", True),
        ("acme", 7, None, None),
        ("other", 1, None, False),
    ]


def test_why_agrees_with_the_findings(company: Company) -> None:
    unexplained = [
        (str(user_id), "can_y")
        for (user_id,) in company.table("users", "user_id")
        if company.rows("FROM why(?, 'can_y') WHERE explanation LIKE 'unexplained%'", user_id)
    ]

    assert company.fired("unexplained_permission") == unexplained == [("3", "can_y")]


def test_access_of(company: Company) -> None:
    columns = "kind, object, label, sets, since"
    company.snapshot(2)
    company.user(8, "Gus", access=[entry("a")], until=2)
    company.user(8, "Gus", access=[entry("a", admin=True), entry("gone", "nova")], since=2)
    company.assign(8, 1, 9, since=2)
    company.flags(8, can_x=True, can_y=False, since=1)

    assert company.rows(f"SELECT {columns} FROM access_of('gus@example.com')") == [  # noqa: S608
        ("role", "1", "Sales", [], NIGHTS[2]),
        ("role", "9", "9", [], NIGHTS[2]),
        ("permission_set", "a", "A", [], None),
        ("permission_set", "gone", "gone", [], NIGHTS[2]),
        ("permission", "can_x", "can_x", ["A"], NIGHTS[1]),
        ("admin", "sales", "admin of sales", [], NIGHTS[2]),
    ]
    assert company.rows("FROM access_of('fay@example.com')") == []


@pytest.mark.parametrize(
    ("moment", "rows"),
    [
        ("2026-11-20 02:00", [("Gil", ["Old"], "can_x", NIGHTS[0])]),
        ("2026-11-21", [("Gil", ["Old"], "can_x", NIGHTS[0])]),
        ("2026-11-21 02:00", [("Gil", ["New"], "can_y", NIGHTS[1])]),
        ("2026-11-22", [("Gil", ["New"], "can_y", NIGHTS[1])]),
        ("2026-11-23", [("Gilda", [], "can_x", NIGHTS[2]), ("Gilda", [], "can_y", NIGHTS[1])]),
        ("2026-11-24", []),
    ],
)
def test_access_at(
    connection: duckdb.DuckDBPyConnection, moment: str, rows: list[tuple[object, ...]]
) -> None:
    company = Company(connection)
    company.snapshot(0)
    company.snapshot(3)
    company.role(1, "Old", until=1)
    company.role(1, "New", since=1)
    company.user(1, "Gil", until=2)
    company.user(1, "Gilda", since=2, until=3)
    company.assign(1, 1, until=2)
    company.assign(1, 1, since=2, active=False)
    company.flags(1, can_x=True, can_y=False, can_z=None, until=1)
    company.flags(1, can_x=False, since=1, until=2)
    company.flags(1, can_y=True, since=1, until=3)
    company.flags(1, can_x=True, since=2, until=3)

    query = "SELECT name, roles, permission, since FROM access_at(?) ORDER BY permission"
    assert company.rows(query, moment) == rows


def test_access_at_takes_a_date(company: Company) -> None:
    assert company.rows("SELECT count(*) FROM access_at(DATE '2026-11-22')") == [(6,)]


def test_macros_work_in_the_file_and_attached(tmp_path: Path) -> None:
    path = tmp_path / "graph.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS file (STORAGE_VERSION 'v1.5.0')")
        connection.execute("USE file")
        _publish(connection)
    with duckdb.connect(path, read_only=True) as connection:
        direct = _ask(connection)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS some_name (READ_ONLY)")
        connection.execute("USE some_name")
        attached = _ask(connection)

    assert direct == attached == [1, 1, 3, 1]


def _publish(connection: duckdb.DuckDBPyConnection) -> None:
    """Write tables and macros as they are published: no schema but main."""
    models = [model for model in Models(sql_folder()) if model.schema == "main"]
    tables.create(connection)
    company = Company(connection)
    company.snapshot(0)
    company.role(1, "Sales")
    company.permission_set("a", ["can_x"])
    company.user(1, "Ana", access=[entry("a")])
    company.assign(1, 1)
    company.flags(1, can_x=True)
    for model in models:
        if model.kind is Kind.MACRO:
            parameters = ", ".join(model.header.parameters)
            connection.execute(f"CREATE MACRO {model.name}({parameters}) AS TABLE {model.query}")
        else:
            connection.execute(f"CREATE TABLE {model.name} AS {model.query}")
    connection.execute("DROP SCHEMA history CASCADE")


def _ask(connection: duckdb.DuckDBPyConnection) -> list[int]:
    questions = [
        "who_can('can_x')",
        "why('ana@example.com', 'can_x')",
        "access_of('ana@example.com')",
        "access_at('2026-11-21')",
    ]
    return [len(connection.execute(f"FROM {question}").fetchall()) for question in questions]
