"""Malformed answers: readable values are used, unreadable ones are reported."""

from __future__ import annotations

import json

import duckdb
import pytest
from installation import Installation
from published import query

from pipedrive_graph.simulator import faults


def edit_user(simulator, user_id: int, **fields: object) -> None:
    """Change how one user is listed."""

    def change(body) -> None:
        for row in body["data"]:
            if row["id"] == user_id:
                row.update(fields)

    simulator.faults.add("users", faults.edit(change), times=None)


def unreadable(installation: Installation) -> list[tuple[str, ...]]:
    with duckdb.connect(str(installation.settings.warehouse), read_only=True) as connection:
        return connection.execute(
            "SELECT endpoint, subject_id, field, value FROM history.unreadable_values ORDER BY ALL"
        ).fetchall()


@pytest.fixture
def somebody(simulator) -> int:
    return simulator.company.plain_user_id


@pytest.mark.slow
def test_values_that_cannot_be_read_are_reported_with_their_place(installation, simulator, somebody) -> None:
    edit_user(simulator, somebody, active_flag="maybe", created="yesterday", last_login="2026-13-45 00:00:00")
    flags = {**simulator.company.permissions(somebody), "can_add_deals": "perhaps"}
    simulator.faults.add(f"users/{somebody}/permissions", faults.body({"success": True, "data": flags}))

    result = installation.command("sync", "--json")

    assert result.code == 0
    assert unreadable(installation) == [
        ("users", str(somebody), "active_flag", "maybe"),
        ("users", str(somebody), "created", "yesterday"),
        ("users", str(somebody), "last_login", "2026-13-45 00:00:00"),
        ("users/{id}/permissions", str(somebody), "can_add_deals", "perhaps"),
    ]
    assert query(
        installation.published, "SELECT active, created, last_login FROM users WHERE user_id = ?", somebody
    ) == [(None, None, None)]
    assert query(
        installation.published,
        "SELECT granted FROM user_permissions WHERE user_id = ? AND permission = 'can_add_deals'",
        somebody,
    ) == [(None,)]


@pytest.mark.slow
def test_flags_in_every_form(installation, simulator, somebody) -> None:
    data = {"a": True, "b": 1, "c": "1", "d": "true", "e": "True", "f": False, "g": 0, "h": "0", "i": "false"}
    simulator.faults.add(f"users/{somebody}/permissions", faults.body({"success": True, "data": data}))

    installation.night()

    flags = (
        "SELECT permission, granted FROM user_permissions"
        " WHERE user_id = ? AND length(permission) = 1 ORDER BY 1"  # of the others, nothing was answered
    )
    assert query(installation.published, flags, somebody) == [
        *[(flag, True) for flag in "abcde"],
        *[(flag, False) for flag in "fghi"],
    ]
    assert unreadable(installation) == []


NAMES = {
    "quotes": 'O\'Brien "Bobby" \\ ;DROP TABLE users--',
    "lines": "first\nsecond\r\nthird\ttab",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg",
    "emoji": "👩‍👩‍👧‍👦 family",
    "direction": "\u202eevil\u202c",
    "nothing": "",
    "long": "x" * 100_000,
}


@pytest.mark.slow
def test_names_of_every_kind(installation, simulator) -> None:
    people = [user for user in simulator.company.users.values() if not user.deleted]
    for user, name in zip(people, NAMES.values(), strict=False):
        user.name = name

    assert installation.night().verdict.status == "complete"

    kept = dict(query(installation.published, "SELECT user_id, name FROM users"))
    assert {user.id: user.name for user in simulator.company.users.values()} == kept


@pytest.mark.parametrize(
    "name", ["a\x00b", "half \ud83d", "other half \ude00 x"], ids=["NUL", "high surrogate", "low surrogate"]
)
@pytest.mark.slow
def test_names_that_are_no_text(installation, simulator, somebody, name) -> None:
    edit_user(simulator, somebody, name=name)

    assert installation.night().verdict.status == "complete"

    assert query(installation.published, "SELECT count(*) FROM users") == [(40,)]


@pytest.mark.slow
def test_a_flag_that_is_named_twice(installation, simulator, somebody) -> None:
    text = '{"success": true, "data": {"can_add_deals": true, "can_add_leads": true, "can_add_deals": false}}'
    fault = simulator.faults.add(f"users/{somebody}/permissions", faults.body(text))

    assert installation.night().verdict.status == "complete"

    # which of the two is meant would be a guess: it is asked for once more
    assert fault.hits == 1
    held = "SELECT permission FROM user_permissions WHERE user_id = ? AND granted ORDER BY 1"
    assert query(installation.published, held, somebody) == [
        (name,) for name, granted in sorted(simulator.company.permissions(somebody).items()) if granted
    ]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["{}", "null", "[]"])
def test_an_empty_map_of_flags_is_an_answer(installation, simulator, somebody, data) -> None:
    simulator.faults.add(
        f"users/{somebody}/permissions", faults.body(f'{{"success": true, "data": {data}}}'), times=None
    )

    manifest = installation.night()

    assert manifest.verdict.status in {"complete", "partial"}
    assert query(
        installation.published, "SELECT count(*) FROM user_permissions WHERE user_id = ?", somebody
    ) == [(0,)]


@pytest.mark.slow
def test_who_is_listed_twice_is_one_user(installation, simulator, somebody) -> None:
    def double(body) -> None:
        body["data"] += [{**row, "name": "Newer"} for row in body["data"] if row["id"] == somebody]

    simulator.faults.add("users", faults.edit(double), times=None)

    assert installation.night().verdict.status == "partial"  # the two rows contradict each other in the name

    assert query(installation.published, "SELECT count(*) FROM users") == [(40,)]


@pytest.mark.slow
def test_ids_as_texts_are_ids(installation, simulator) -> None:
    def as_text(body) -> None:
        for row in body["data"]:
            row["id"], row["role_id"] = str(row["id"]), str(row["role_id"])

    simulator.faults.add("users", faults.edit(as_text), times=None)

    assert installation.night().verdict.status == "complete"

    ids = {user for (user,) in query(installation.published, "SELECT user_id FROM users")}
    assert ids == set(simulator.company.users)


@pytest.mark.slow
def test_fields_that_nobody_knows_are_kept_and_harm_nothing(installation, simulator, somebody) -> None:
    edit_user(simulator, somebody, shoe_size=43, access_log=[{"deep": [1, {"er": None}]}], company=None)

    manifest = installation.night()

    import gzip

    file = installation.landing().path / manifest.snapshot_id / "users.ndjson.gz"
    (line,) = [json.loads(text) for text in gzip.decompress(file.read_bytes()).splitlines()]
    (row,) = [row for row in line["answer"]["data"] if row["id"] == somebody]
    assert (row["shoe_size"], row["company"]) == (43, None)


@pytest.mark.slow
def test_an_assignment_to_nobody_and_to_an_unknown_role(installation, simulator, somebody) -> None:
    simulator.company.assign(somebody, 987654)

    assert installation.night().verdict.status == "complete"

    roles = query(installation.published, "SELECT role_id FROM user_roles WHERE user_id = ?", somebody)
    assert (987654,) in roles
    assert query(
        installation.published, "SELECT object FROM findings WHERE rule = 'dangling_role_assignment'"
        " AND subject_id = ?", str(somebody),
    ) == [("987654",)]  # fmt: skip


@pytest.mark.slow
def test_an_answer_larger_than_the_readers_usual_room(installation, simulator, somebody) -> None:
    edit_user(simulator, somebody, name="x" * 20_000_000)

    assert installation.night().verdict.status == "complete"

    assert query(installation.published, "SELECT length(name) FROM users WHERE user_id = ?", somebody) == [
        (20_000_000,)
    ]


@pytest.mark.slow
def test_entries_of_access_that_name_no_set(installation, simulator, somebody) -> None:
    access = [
        {"app": "a", "admin": False, "permission_set_id": None},
        {"app": "b", "admin": False},
        {"app": "c", "admin": False, "permission_set_id": ""},
        {"app": "d", "admin": False, "permission_set_id": 0},
        {"app": "e", "admin": False, "permission_set_id": "0"},
    ]
    flags = dict.fromkeys(simulator.company.permissions(somebody), False) | {"can_use_api": True}
    edit_user(simulator, somebody, access=access)
    simulator.faults.add(f"users/{somebody}/permissions", faults.body({"success": True, "data": flags}))

    assert installation.night().verdict.status == "complete"

    assert unreadable(installation) == []
    sets = "SELECT app, permission_set_id FROM user_permission_sets WHERE user_id = ? ORDER BY app"
    assert query(installation.published, sets, somebody) == [(app, None) for app in "abcde"]
    unexplained = (
        "SELECT object, status FROM findings WHERE rule = 'unexplained_permission' AND subject_id = ?"
    )
    assert query(installation.published, unexplained, str(somebody)) == [("can_use_api", "open")]

    flags["can_use_api"] = False
    simulator.faults.add(f"users/{somebody}/permissions", faults.body({"success": True, "data": flags}))
    installation.night()

    assert query(installation.published, unexplained, str(somebody)) == [("can_use_api", "resolved")]
