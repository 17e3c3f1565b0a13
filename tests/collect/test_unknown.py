"""What an answer does not tell stays as last known: it fixes no finding and is no change."""

from __future__ import annotations

import pytest
from published import query

from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.model import Access

ESCAPE = "\x1b[2J\x1b]0;pwn\x07Eve"

OPEN = "SELECT rule, subject_id, object FROM findings WHERE status = 'open' ORDER BY ALL"
CHANGES = "SELECT kind, subject_kind, subject_id, object FROM access_changes ORDER BY ALL"


def without(*fields: str, **values: object):
    """Edit every user of an answer: fields that are not there, values that are no such thing."""

    def edit(payload):
        for user in payload["data"]:
            for field in fields:
                user.pop(field, None)
            user.update(values)
        return payload

    return faults.edit(edit)


@pytest.mark.parametrize(
    "action",
    [
        without("access"),
        pytest.param(without("last_login", "role_id", "created", "name", "email"), marks=pytest.mark.slow),
        pytest.param(without(active_flag="yes", is_deleted="perhaps"), marks=pytest.mark.slow),
        without(access=None, last_login={"when": "once"}, role_id="abc", created="soon"),
        pytest.param(without(created=None), marks=pytest.mark.slow),
        pytest.param(without(name=[1], email={"a": 1}, access=[[1], 7]), marks=pytest.mark.slow),
    ],
    ids=[
        "no access",
        "fields missing",
        "flags unreadable",
        "values unreadable",
        "never created",
        "no texts",
    ],
)
def test_an_unknown_value_fixes_nothing_and_changes_nothing(installation, simulator, action) -> None:
    installation.night()
    before = query(installation.published, OPEN)
    simulator.faults.add("users", action)

    installation.night()

    assert before
    assert query(installation.published, OPEN) == before
    assert query(installation.published, CHANGES) == []


@pytest.mark.slow
def test_a_set_that_is_not_known_fixes_nothing(installation, simulator) -> None:
    company = simulator.company
    user = company.users[company.plain_user_id]
    company.grant(user.id, "can_fly")
    found = (
        "SELECT status, resolved_reason FROM findings"
        " WHERE rule = 'unexplained_permission' AND subject_id = ? AND object = 'can_fly'"
    )
    installation.night()
    assert query(installation.published, found, str(user.id)) == [("open", None)]

    user.access.append(Access("nova", False, "e7a4b9f0-0000-4000-8000-000000000000"))
    installation.night()
    assert query(installation.published, found, str(user.id)) == [("open", None)]

    company.revoke(user.id, "can_fly")
    installation.night()
    assert query(installation.published, found, str(user.id)) == [("resolved", "fixed")]


@pytest.mark.slow
def test_a_flag_that_cannot_be_read_stays_as_last_known(installation, simulator) -> None:
    installation.night()
    before = query(installation.published, OPEN)
    unexplained = next(row for row in before if row[0] == "unexplained_permission")
    user, flag = unexplained[1], unexplained[2]

    def edit(payload):
        payload["data"][flag] = None
        return payload

    simulator.faults.add(f"users/{user}/permissions", faults.edit(edit))
    installation.night()

    assert query(installation.published, OPEN) == before


@pytest.mark.parametrize(
    "action", [faults.forbidden, pytest.param(faults.not_found, marks=pytest.mark.slow)], ids=["403", "404"]
)
def test_a_night_without_the_list_of_roles(installation, simulator, action) -> None:
    roles = "SELECT role_id, name, active, level, assignment_count FROM roles ORDER BY ALL"
    installation.night()
    before = query(installation.published, roles)
    simulator.faults.add("roles", action)

    assert installation.night().verdict.status == "partial"
    assert query(installation.published, roles) == before

    installation.night()
    assert query(installation.published, CHANGES) == []


@pytest.mark.slow
def test_the_first_list_of_roles_is_no_change(installation, simulator) -> None:
    simulator.faults.add("roles", faults.forbidden)
    assert installation.night().verdict.status == "partial"

    installation.night()

    assert query(installation.published, CHANGES) == []


@pytest.mark.slow
def test_a_name_that_a_terminal_would_obey(installation, simulator) -> None:
    for user in simulator.company.users.values():
        user.name = ESCAPE

    result = installation.command("sync")

    csv = (installation.home / "reports/default/findings.csv").read_bytes()
    assert result.code == 0
    assert "\x1b" not in result.out
    assert "\x07" not in result.out
    assert b"\x1b" not in csv
    assert b"\x07" not in csv


@pytest.mark.slow
def test_sql_writes_no_file(installation, simulator, tmp_path) -> None:
    installation.night()
    target = tmp_path / "x.csv"

    result = installation.command("sql", f"COPY users TO '{target}'")

    assert result.code == 1
    assert not target.exists()


def test_an_empty_query(installation) -> None:
    assert installation.command("sql", " ").code == 2
