"""Whatever stands in a field that staging or the client reads: it is used, or it is reported and not known."""  # noqa: E501

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from installation import MODELS

from pipedrive_graph.collect.unseen import contradictions
from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http_types import Response
from pipedrive_graph.pipedrive.models import read_flag, read_id, read_text_id
from pipedrive_graph.pipedrive.responses import parse_response
from pipedrive_graph.warehouse import database, ingest, tables

USER = {
    "id": 7, "name": "Ana", "email": "ana@x.example", "active_flag": True, "is_deleted": False,
    "is_admin": 0, "role_id": 3, "created": "2026-01-01 00:00:00", "last_login": "2026-01-02 00:00:00",
    "modified": "2026-01-02 00:00:00", "has_created_company": False, "locale": "et_EE",
    "default_currency": "EUR", "timezone_name": "Europe/Tallinn", "phone": "1", "timezone_offset": "+02:00",
    "icon_url": "https://x.example/1", "access": [{"app": "sales", "admin": False, "permission_set_id": "s1"}],  # noqa: E501
}  # fmt: skip
ROLE = {
    "id": 3, "name": "Sales", "parent_role_id": 1, "active_flag": True, "description": "", "level": 1,
    "assignment_count": "1", "sub_role_count": "0",
}  # fmt: skip
ASSIGNMENT = {"user_id": 7, "role_id": 3, "parent_role_id": 1, "name": "Sales", "active_flag": True}
SET = {
    "id": "s1",
    "name": "Deals",
    "app": "sales",
    "type": "regular",
    "description": "",
    "assignment_count": 1,
}
PIPELINE = {"id": 4, "name": "New", "is_deleted": False, "order_nr": 1}
TEAM = {"id": 6, "name": "North", "manager_id": 7, "active_flag": 1, "deleted_flag": 0, "users": [7]}
HIDDEN = {"pipeline_ids": [4], "visible": False}
DETAIL = {"id": "s1", "contents": ["can_add_deals"]}
ME = {"id": 7, "company_id": 1, "company_name": "Acme", "access": [], "is_admin": 1}

TEXT, FLAG, WHOLE, TIME = ([1], 7, True), ("maybe", 2, [1]), ("abc", -1, 7.5, [1], True), ("soon", 5, [1])

NO_DATES = ("2026-13-45 00:00:00", "9999-12-31T23:59:59-12:00")  # the second is in the year 10000

FIELDS: dict[tuple[str, str], tuple[tuple[Any, ...], str | None]] = {
    ("users", "name"): (TEXT, "users.name"),
    ("users", "email"): (TEXT, "users.email"),
    ("users", "active_flag"): (FLAG, "users.active"),
    ("users", "is_deleted"): (FLAG, "users.deleted"),
    ("users", "is_admin"): (FLAG, "users.is_admin"),
    ("users", "role_id"): (WHOLE, "users.role_id"),
    ("users", "created"): ((*TIME, "infinity", *NO_DATES), "users.created"),
    ("users", "last_login"): (TIME, "users.last_login"),
    ("users", "modified"): (TIME, "users.modified"),
    ("users", "has_created_company"): (FLAG, "users.has_created_company"),
    ("users", "locale"): (TEXT, "users.locale"),
    ("users", "default_currency"): (TEXT, "users.default_currency"),
    ("users", "timezone_name"): (TEXT, "users.timezone_name"),
    ("users", "phone"): (TEXT, "users.phone"),
    ("users", "timezone_offset"): (TEXT, "users.timezone_offset"),
    ("users", "icon_url"): (TEXT, "users.icon_url"),
    ("users", "access"): (
        (
            "sales", 7, {"app": "sales"}, [7], [None], [[]], [{"app": 7}], [{"admin": "maybe"}],
            [{"permission_set_id": [1]}], [{"permission_set_id": -1}], [{"permission_set_id": True}],
        ),
        "users.access",
    ),
    ("users/me", "access"): (("sales", [7], [None]), None),
    ("users/me", "is_admin"): (FLAG, None),
    ("users/me", "company_name"): (TEXT, None),
    ("roles", "name"): (TEXT, "roles.name"),
    ("roles", "parent_role_id"): (WHOLE, "roles.parent_role_id"),
    ("roles", "active_flag"): (FLAG, "roles.active"),
    ("roles", "description"): (TEXT, "roles.description"),
    ("roles", "level"): (WHOLE, "roles.level"),
    ("roles", "assignment_count"): (WHOLE, "roles.assignment_count"),
    ("roles", "sub_role_count"): (WHOLE, "roles.sub_role_count"),
    ("users/{id}/roleAssignments", "active_flag"): (FLAG, "user_roles.active"),
    ("users/{id}/roleAssignments", "parent_role_id"): (WHOLE, "user_roles.parent_role_id"),
    ("users/{id}/roleAssignments", "name"): (TEXT, "user_roles.role_name"),
    ("roles/{id}/assignments", "active_flag"): (FLAG, "user_roles.active"),
    ("roles/{id}/assignments", "parent_role_id"): (WHOLE, "user_roles.parent_role_id"),
    ("roles/{id}/assignments", "name"): (TEXT, "user_roles.role_name"),
    ("permissionSets", "name"): (TEXT, "permission_sets.name"),
    ("permissionSets", "app"): (TEXT, "permission_sets.app"),
    ("permissionSets", "type"): (TEXT, "permission_sets.type"),
    ("permissionSets", "description"): (TEXT, "permission_sets.description"),
    ("permissionSets", "assignment_count"): (WHOLE, "permission_sets.assignment_count"),
    ("permissionSets/{id}", "contents"): (
        ("can_add_deals", {"can_add_deals": True}, 7, ["can_add_deals", 7, None], [None], [[]]),
        "permission_sets.contents",
    ),
    ("users/{id}/permissions", "can_add_deals"): (FLAG, "user_permissions.granted"),
    ("pipelines", "name"): (TEXT, "pipelines.name"),
    ("pipelines", "is_deleted"): (FLAG, "pipelines.deleted"),
    ("pipelines", "order_nr"): (WHOLE, "pipelines.order_nr"),
    ("legacyTeams", "name"): (TEXT, "teams.name"),
    ("legacyTeams", "manager_id"): (WHOLE, "teams.manager_id"),
    ("legacyTeams", "active_flag"): (FLAG, "teams.active"),
    ("legacyTeams", "deleted_flag"): (FLAG, "teams.deleted"),
    ("legacyTeams", "users"): (([7, "x"], "7", 7, {"id": 7}, [None], [[7]], [True]), "teams.members"),
    ("roles/{id}/pipelines", "pipeline_ids"): (([7, "x"], "7", 7, {"id": 7}, [None]), None),
    ("roles/{id}/pipelines", "visible"): (FLAG, None),
}  # fmt: skip
"""Every field that is read: values that cannot be, and the column in which it then is not known."""

SUBJECTS = {
    "roles": "3", "roles/{id}/pipelines": "3", "permissionSets": "s1", "permissionSets/{id}": "s1",
    "pipelines": "4", "legacyTeams": "6",
}  # fmt: skip
"""The subject of each endpoint in `answers`, if it is not the user 7."""

IDS = {"id", "user_id", "role_id"}
"""Fields without which a row names nobody and nothing."""


def answers() -> dict[str, tuple[str | None, Any]]:
    """The answers of a company of one user: by endpoint, whom it was about and the data."""
    rows: dict[str, tuple[str | None, Any]] = {
        "users/me": (None, dict(ME)),
        "users": (None, [dict(USER)]),
        "roles": (None, [dict(ROLE)]),
        "permissionSets": (None, [dict(SET)]),
        "permissionSets/{id}": ("s1", [dict(DETAIL)]),
        "users/{id}/permissions": ("7", {"can_add_deals": True}),
        "users/{id}/roleAssignments": ("7", [dict(ASSIGNMENT)]),
        "pipelines": (None, [dict(PIPELINE)]),
        "roles/{id}/pipelines": ("3", dict(HIDDEN)),
        "legacyTeams": (None, [dict(TEAM)]),
    }
    return rows


class Staged:
    """Stages literal answers, as a night does."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config=database.CONFIG)
        self.connection.execute("SET TimeZone = 'UTC'")
        tables.create(self.connection)

    def stage(self, rows: dict[str, tuple[str | None, Any]]) -> None:
        ingest.prepare(self.connection)
        self.connection.execute(
            "INSERT INTO landing.batch VALUES ('acme', '20261120T020000-000000', '2026-11-20 02:00:00', TRUE)"
        )
        for endpoint, (subject, data) in rows.items():
            self.connection.execute(
                "INSERT INTO landing.answers VALUES ('acme', ?, {'id': ?, 'start': NULL, 'limit': NULL},"
                " 200, 'answered', '2026-11-20 02:00:00', ?)",
                [endpoint, subject, json.dumps({"success": True, "data": data})],
            )
        for model in MODELS.of("staging"):
            ingest._build(self.connection, model)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(text).fetchall()

    @property
    def unreadable(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT endpoint, subject_id, field, value FROM staging.unreadable_values ORDER BY ALL"
        )


@pytest.fixture(scope="module")
def staged() -> Iterator[Staged]:
    staged = Staged()
    with staged.connection:
        yield staged


def test_a_readable_company_has_no_unreadable_value(staged: Staged) -> None:
    staged.stage(answers())
    assert staged.unreadable == []


@pytest.mark.parametrize("turn", range(11))
def test_what_cannot_be_read_is_reported_and_not_known(staged: Staged, turn: int) -> None:
    """All fields at once, each with one of the values that it cannot have."""
    rows, expected = answers(), set()
    if turn % 2:
        rows["roles/{id}/assignments"] = ("3", rows.pop("users/{id}/roleAssignments")[1])
    for (endpoint, field), (values, _) in FIELDS.items():
        if endpoint not in rows:
            continue
        value = values[turn % len(values)]
        record = rows[endpoint][1]
        record = record[0] if isinstance(record, list) else record
        record[field] = value
        subject = SUBJECTS.get(endpoint, "7")
        expected.add((endpoint, subject, field))

    staged.stage(rows)

    assert {row[:3] for row in staged.unreadable} == expected
    known = [
        (endpoint, field, column)
        for (endpoint, field), (_, column) in FIELDS.items()
        if column and endpoint in rows
        for ((value,),) in [staged.rows(f"SELECT {column} FROM staging.{column.split('.')[0]}")]  # noqa: S608
        if value is not None
    ]
    assert known == []


def test_every_field_that_staging_reads_is_in_the_table_above() -> None:
    read = set()
    for model in MODELS.of("staging"):
        read |= set(re.findall(r"'\$\.(?:data\.)?([a-z_]+)'", model.query))
        read |= set(re.findall(r'"([a-z_]+)": "(?:VARCHAR|JSON)"', model.query))
    # of an access entry, or around a record
    parts = {"app", "admin", "permission_set_id", "data"}
    assert read - parts - IDS == {field for _, field in FIELDS} - {"can_add_deals"} - parts - IDS


PAIRS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"name": "Ana"}, {"name": "Ana"}, []),
    ({"name": "Ana"}, {"name": "Eva"}, ["name"]),
    ({"name": "Ana"}, {"name": None}, ["name"]),
    ({"name": "Ana"}, {}, []),
    ({"active_flag": True}, {"active_flag": 1}, ["active_flag"]),
    ({"access": [{"app": "sales"}]}, {"access": []}, ["access"]),
    ({"shoe_size": 43}, {"shoe_size": 44}, ["shoe_size"]),
    ({"last_login": "2026-01-01 00:00:00"}, {"last_login": None}, []),
    ({"modified": "2026-01-01 00:00:00"}, {"modified": "2026-01-02 00:00:00"}, []),
    ({"is_you": True, "timezone_offset": "+01:00"}, {"is_you": False, "timezone_offset": "+02:00"}, []),
]


@pytest.mark.parametrize("endpoint", [Endpoint.USERS, Endpoint.ROLES, Endpoint.PERMISSION_SETS])
def test_collecting_and_staging_agree_on_rows_that_contradict_each_other(
    staged: Staged, endpoint: Endpoint
) -> None:
    first = [{"id": number, **pair[0]} for number, pair in enumerate(PAIRS, 1)]
    again = [{"id": str(number), **pair[1]} for number, pair in enumerate(PAIRS, 1)]
    rows = [*first, {"id": None, "name": "x"}, *again]
    fields = [(str(number), field) for number, pair in enumerate(PAIRS, 1) for field in pair[2]]

    staged.stage({endpoint: (None, rows)})
    answer = parse_response(
        Call(endpoint), Response(200, {}, json.dumps({"data": rows}).encode()), Redaction()
    )

    assert staged.rows("SELECT subject_id, field FROM staging.contradictions ORDER BY ALL") == fields
    assert contradictions(endpoint, [answer]) == [f"{endpoint}: id {subject}" for subject, _ in fields]


ROWS = [
    {"id": None}, None, {"id": "abc"}, {"id": True}, {"id": -4}, {"id": 2**70}, {"id": 7.5}, [{"id": 9}], {},
    "x", {"id": [7]},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["users", "roles", "permissionSets", "pipelines", "legacyTeams"])
@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_one_row_that_cannot_be_read_is_one_row(staged: Staged, endpoint: str, row: Any) -> None:
    if endpoint == "permissionSets" and row in ({"id": "abc"}, {"id": 2**70}):
        pytest.skip("an id is a text there")
    rows = answers()
    rows[endpoint][1].insert(0, row)
    staged.stage(rows)
    ((place, content),) = [
        (field, value)
        for where, subject, field, value in staged.unreadable
        if (where, subject) == (endpoint, None)
    ]
    assert place == "row 1"
    assert json.loads(content) == (row if row != {"id": 2**70} else pytest.approx(row))
    table = {"permissionSets": "permission_sets", "legacyTeams": "teams"}.get(endpoint, endpoint)
    assert staged.rows(f"SELECT count(*) FROM staging.{table}") == [(1,)]  # noqa: S608


@pytest.mark.parametrize("value", ["7", 7, 7.0, " 7 ", "7.0", "007"])
def test_a_whole_number_is_an_id_however_it_is_written(staged: Staged, value: Any) -> None:
    rows = answers()
    rows["users"][1][0]["id"] = value
    staged.stage(rows)
    assert staged.unreadable == []
    assert staged.rows("SELECT user_id FROM staging.users") == [(7,)]


@pytest.mark.parametrize("endpoint", ["users/{id}/roleAssignments", "roles/{id}/assignments"])
def test_an_assignment_that_cannot_be_read_proves_no_absence(staged: Staged, endpoint: str) -> None:
    rows = answers()
    del rows["users/{id}/roleAssignments"]
    subject = "7" if endpoint.startswith("users") else "3"
    rows[endpoint] = (subject, [dict(ASSIGNMENT), ASSIGNMENT | {"role_id": None}])

    staged.stage(rows)

    assert [row[:3] for row in staged.unreadable] == [(endpoint, subject, "row 2")]
    assert staged.rows("SELECT role_id FROM staging.user_roles") == [(3,)]
    outcome = f"SELECT outcome FROM staging.coverage WHERE endpoint = '{endpoint}'"  # noqa: S608
    assert staged.rows(outcome) == [("failed",)]
    assert staged.rows("SELECT * FROM staging.proven WHERE history_table = 'user_roles'") == []


odd = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.floats()
    | st.text("0123456789.-+eE abx", max_size=22)
)


@settings(max_examples=20)
@given(st.lists(odd, min_size=20, max_size=20))
def test_sql_and_the_client_read_ids_and_flags_alike(staged: Staged, values: list[Any]) -> None:
    values = [
        value for value in values if value == value and abs(value if isinstance(value, float) else 0) < 1e308
    ]
    read = staged.rows(
        "SELECT as_id(raw ->> '$'), as_text_id(json_type(raw), raw ->> '$')"  # noqa: S608
        f" FROM (SELECT unnest(CAST({database.quoted(json.dumps(values))} AS JSON[])) AS raw)"
    )
    assert read == [(_or_none(read_id, value), _or_none(read_text_id, value)) for value in values]
    for value in values:
        if not isinstance(value, str) and value is not None:
            ((flag,),) = staged.rows(f"SELECT as_flag(CAST('{json.dumps(value)}' AS JSON) ->> '$')")
            assert flag == _or_none(read_flag, value)


def _or_none(read: Any, value: Any) -> Any:
    try:
        return read(value)
    except ValueError:
        return None
