"""Answers about visibility, as received: what becomes of them in the history, over several nights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from installation import MODELS

from pipedrive_graph.warehouse import database, history, ingest, tables

ITEMS = ("deal", "lead", "org", "person", "product")

ROLES = [
    {"id": 1, "name": "Default", "level": 1, "active_flag": True},
    {"id": 2, "name": "Sales", "level": 2},
]

Call = tuple[str, str | None, Any]
"""Endpoint, subject and body, or the outcome of a call without one."""


class Nights:
    """The nights of a company, each with literal answers."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config=database.CONFIG)
        self.connection.execute("SET TimeZone = 'UTC'")
        tables.create(self.connection)
        self.night = 0

    def __call__(self, *calls: Call, visibility: bool = True) -> None:
        """Stage and merge the answers of the next night."""
        self.night += 1
        at = f"2026-11-{self.night:02d} 02:00:00"
        ingest.prepare(self.connection)
        self.connection.execute(
            "INSERT INTO landing.batch VALUES ('acme', ?, ?, ?)", [f"s{self.night}", at, visibility]
        )
        for number, (endpoint, subject, body) in enumerate(calls):
            outcome, answer = (body, None) if isinstance(body, str) else ("answered", json.dumps(body))
            self.connection.execute(
                "INSERT INTO landing.answers VALUES ('acme', ?, {'id': ?, 'start': ?, 'limit': NULL}, 200, ?, ?, ?)",  # noqa: E501
                [endpoint, subject, None if subject else number, outcome, at, answer],
            )
        for model in MODELS.of("staging"):
            ingest._build(self.connection, model)
        history.merge(self.connection, MODELS)
        assert history.differences(self.connection) == []

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def versions(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a history table, with the first and the last night of each version."""
        return self.rows(
            f"SELECT {columns}, day(valid_from), day(valid_to) FROM history.{table} ORDER BY ALL"  # noqa: S608
        )

    @property
    def unreadable(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT endpoint, subject_id, field, value FROM staging.unreadable_values ORDER BY ALL"
        )


@pytest.fixture
def night() -> Iterator[Nights]:
    nights = Nights()
    with nights.connection:
        yield nights


def roles(rows: list[dict[str, Any]] | None = None) -> Call:
    return ("roles", None, {"success": True, "data": ROLES if rows is None else rows})


def role(role_id: int, settings: Any = None, **values: Any) -> Call:
    """The answer about a role, with the same value for all kinds of items unless `settings` says otherwise."""  # noqa: E501
    given = {f"{item}_default_visibility": values.get(item, 3) for item in ITEMS}
    more = given if settings is None else settings
    data = {"id": role_id, "name": "By id", "active_flag": True}
    return (
        "roles/{id}",
        str(role_id),
        {"success": True, "data": data, "additional_data": {"settings": more}},
    )


def listed(endpoint: str, *rows: Any) -> Call:
    return (endpoint, None, {"success": True, "data": list(rows)})


def hidden(role_id: int, *ids: Any, visible: Any = False) -> Call:
    return (
        "roles/{id}/pipelines",
        str(role_id),
        {"success": True, "data": {"pipeline_ids": list(ids), "visible": visible}},
    )


# ---- settings of roles


@pytest.mark.parametrize(
    ("value", "known", "reported"),
    [
        (1, 1, False), (3, 3, False), (5, 5, False), (7, 7, False), ("5", 5, False), (7.0, 7, False),
        (" 3 ", 3, False), (None, None, False), (2, None, True), (0, None, True), ("all", None, True),
        (True, None, True), ([3], None, True), ({"value": 3}, None, True), (-1, None, True), ("", None, True),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_read_is_reported_and_not_known(
    night: Nights, value: Any, known: int | None, reported: bool
) -> None:
    night(roles(), role(2, deal=value))

    assert night.rows("SELECT value FROM history.role_visibility WHERE item = 'deal'") == [(known,)]
    assert [row[:3] for row in night.unreadable] == (
        [("roles/{id}", "2", "deal_default_visibility")] if reported else []
    )


def test_a_listed_role_keeps_the_fields_of_the_list(night: Nights) -> None:
    night(roles(), role(1), role(2))

    assert night.rows("SELECT role_id, name, level FROM staging.roles ORDER BY ALL") == [
        (1, "Default", 1),
        (2, "Sales", 2),
    ]
    assert night.rows("SELECT DISTINCT endpoint FROM staging.role_records") == [("roles",)]


@pytest.mark.slow
def test_settings_are_carried_forward_and_only_changes_are_versions(night: Nights) -> None:
    night(roles(), role(1, {"deal_default_visibility": 3}), role(2, {"deal_default_visibility": "5"}))
    night(roles(), role(1, {"deal_default_visibility": 3}), role(2, {"deal_default_visibility": "wide"}))
    night(roles(), ("roles/{id}", "1", "failed"), role(2, {}))
    night(roles(), visibility=False)
    night(roles(), role(1, {"deal_default_visibility": 7}), role(2, {"deal_default_visibility": None}))

    rows = night.versions("role_visibility", "role_id, item, value")
    assert [row for row in rows if row[1] == "deal"] == [
        (1, "deal", 3, 1, 5),
        (1, "deal", 7, 5, None),
        (2, "deal", 5, 1, 5),
        (2, "deal", None, 5, None),
    ]
    assert [row for row in rows if row[1] == "lead"] == [
        (1, "lead", None, 1, None),
        (2, "lead", None, 1, None),
    ]
    assert night.rows(
        "SELECT subject_id, day(last_at) FROM history.observations"
        " WHERE history_table = 'role_visibility' ORDER BY ALL"
    ) == [("1", 5), ("2", 5)]


@pytest.mark.parametrize("settings", [[], "x", 7])
def test_an_answer_without_settings_says_nothing(night: Nights, settings: Any) -> None:
    night(roles(), role(1, settings), ("roles/{id}", "2", {"success": True, "data": {"id": 2}}))

    assert night.rows("FROM history.role_visibility") == []


def test_settings_of_a_run_without_visibility_are_not_used(night: Nights) -> None:
    """A role that is not in the list is asked by its id in every run."""
    night(roles(), role(9), hidden(1, 2), listed("pipelines", {"id": 5}), listed("legacyTeams", {"id": 6}),
          visibility=False)  # fmt: skip

    for table in ("role_visibility", "role_pipelines", "pipelines", "teams"):
        assert night.rows(f"FROM history.{table}") == []


def test_a_role_that_is_gone_has_no_settings(night: Nights) -> None:
    night(roles(), role(1), role(2), hidden(2, 5), listed("pipelines", {"id": 5}))
    night(roles(ROLES[:1]), role(1), ("roles/{id}", "2", "gone"), listed("pipelines", {"id": 5}))

    assert night.rows("SELECT DISTINCT role_id FROM history.role_visibility WHERE valid_to IS NULL") == [(1,)]
    assert night.versions("role_pipelines", "role_id, hidden") == [(2, [5], 1, 2)]


def test_a_404_about_a_listed_role_proves_nothing(night: Nights) -> None:
    night(roles(), role(1), role(2))
    night(roles(), role(1), ("roles/{id}", "2", "gone"))

    assert night.rows("SELECT count(*) FROM history.role_visibility WHERE valid_to IS NULL") == [(10,)]
    assert night.rows("SELECT role_id FROM history.roles WHERE valid_to IS NULL ORDER BY ALL") == [(1,), (2,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role_id", "outcome", "comparable"),
    [("1", "refused", [(5,)]), ("1", "failed", [(5,)]), ("9", "refused", []), ("9", "failed", [])],
)
def test_settings_that_are_not_given_do_not_hide_whether_a_role_changed(
    night: Nights, role_id: str, outcome: str, comparable: list[tuple[int]]
) -> None:
    """Users are compared with the night before unless it is not known whether an unlisted role exists."""
    sales = {"app": "sales", "admin": False, "permission_set_id": "a"}
    user = {"id": 5, "name": "Ana", "active_flag": True, "is_deleted": False, "role_id": 1, "access": [sales]}
    calls = [
        roles(),
        listed("users", user),
        listed("permissionSets", {"id": "a", "name": "Regular", "app": "sales"}),
        ("permissionSets/{id}", "a", {"success": True, "data": {"id": "a", "contents": ["can_x"]}}),
        (
            "users/{id}/roleAssignments",
            "5",
            {"success": True, "data": [{"user_id": 5, "role_id": 1, "active_flag": True}]},
        ),
        ("users/{id}/permissions", "5", {"success": True, "data": {"can_x": True, "can_y": False}}),
    ]
    night(*calls, role(1))
    night(*calls, ("roles/{id}", role_id, outcome))

    assert night.rows("SELECT user_id FROM staging.comparable_users") == comparable


# ---- pipelines


def test_pipelines_come_rename_and_go(night: Nights) -> None:
    night(listed("pipelines", {"id": 1, "name": "New", "is_deleted": False, "order_nr": 2}),
          listed("pipelines", {"id": "2", "name": "Old", "is_deleted": 0}))  # fmt: skip
    night(listed("pipelines", {"id": 1, "name": "Newer", "is_deleted": True}, {"id": 2, "name": 7}))
    night(listed("pipelines", {"id": 1, "name": "Newer"}))

    assert night.versions("pipelines", "pipeline_id, name, deleted") == [
        (1, "New", False, 1, 2),
        (1, "Newer", True, 2, None),
        (2, "Old", False, 1, 3),
    ]
    assert night.rows("SELECT order_nr FROM history.pipelines_latest WHERE pipeline_id = 1") == [(None,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        ("pipelines", None, "refused"),
        ("pipelines", None, "gone"),
        ("pipelines", None, "failed"),
        listed("pipelines"),
        ("pipelines", None, {"success": True, "data": None}),
        listed("pipelines", {"name": "Without an id"}),
        listed("pipelines", {"id": 2}, {"id": "x"}),
    ],
)
def test_a_list_that_is_not_whole_proves_nothing(night: Nights, call: Call) -> None:
    night(listed("pipelines", {"id": 1, "name": "New"}))
    night(call)

    assert (1, "New", 1, None) in night.versions("pipelines", "pipeline_id, name")


def test_a_second_page_that_fails_proves_nothing(night: Nights) -> None:
    night(listed("pipelines", {"id": 1}, {"id": 2}))
    night(listed("pipelines", {"id": 1}), ("pipelines", None, "failed"))

    assert night.rows("SELECT pipeline_id FROM history.pipelines WHERE valid_to IS NULL ORDER BY 1") == [
        (1,),
        (2,),
    ]


def test_a_pipeline_on_two_pages_counts_once_without_contradictions(night: Nights) -> None:
    night(listed("pipelines", {"id": 1, "name": "New", "is_deleted": False}),
          listed("pipelines", {"id": 1, "name": "Other", "is_deleted": False}))  # fmt: skip

    assert night.versions("pipelines", "pipeline_id, name, deleted") == [(1, None, False, 1, None)]
    assert night.unreadable == [("pipelines", "1", "name", '"New" or "Other"')]


@pytest.mark.slow
def test_hidden_pipelines_are_carried_forward(night: Nights) -> None:
    night(roles(), hidden(1, 5, "4", 5), hidden(2))
    night(roles(), hidden(2, 4))
    night(roles(), ("roles/{id}/pipelines", "1", "refused"), ("roles/{id}/pipelines", "2", "gone"))
    night(roles(), hidden(1, 5, "x"), hidden(2, 5, visible=True))
    night(roles(), ("roles/{id}/pipelines", "1", {"success": True, "data": {"pipeline_ids": None}}))

    assert night.versions("role_pipelines", "role_id, hidden") == [
        (1, [4, 5], 1, None),
        (2, [], 1, 2),
        (2, [4], 2, None),
    ]
    assert night.rows(
        "SELECT subject_id, day(last_at) FROM history.observations"
        " WHERE history_table = 'role_pipelines' ORDER BY ALL"
    ) == [("1", 1), ("2", 2)]


def test_hidden_pipelines_that_cannot_be_read_are_reported(night: Nights) -> None:
    night(roles(), hidden(1, 5, "x"), hidden(2, 5, visible="maybe"))

    assert night.unreadable == [
        ("roles/{id}/pipelines", "1", "pipeline_ids", '[5,"x"]'),
        ("roles/{id}/pipelines", "2", "visible", "maybe"),
    ]
    assert night.rows("FROM history.role_pipelines") == []


# ---- teams


def test_teams(night: Nights) -> None:
    night(
        listed(
            "legacyTeams",
            {
                "id": 1,
                "name": "North",
                "manager_id": 30,
                "users": [31, "30", 31],
                "active_flag": 1,
                "deleted_flag": 0,
            },
            {"id": 2, "name": "South"},
        )
    )
    night(
        listed(
            "legacyTeams",
            {"id": 1, "name": "North", "manager_id": "x", "users": [31, "y"], "active_flag": True},
            {"id": 2, "name": "South", "manager_id": None, "users": []},
        )
    )
    assert night.unreadable == [
        ("legacyTeams", "1", "manager_id", "x"),
        ("legacyTeams", "1", "users", '[31,"y"]'),
    ]
    night(listed("legacyTeams"))

    assert night.versions("teams", "team_id, name, manager_id, active, deleted, members") == [
        (1, "North", 30, True, False, [30, 31], 1, 3),
        (2, "South", None, None, None, [], 2, 3),
        (2, "South", None, None, None, None, 1, 2),
    ]


@pytest.mark.parametrize("outcome", ["refused", "gone", "failed"])
def test_teams_that_are_not_offered_stay(night: Nights, outcome: str) -> None:
    night(listed("legacyTeams", {"id": 1, "users": [30]}))
    night(("legacyTeams", None, outcome))

    assert night.versions("teams", "team_id, members") == [(1, [30], 1, None)]
    assert night.rows("SELECT outcome FROM staging.coverage") == [
        ("unoffered" if outcome == "gone" else outcome,)
    ]
