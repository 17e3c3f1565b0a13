# ruff: noqa: S608 - the texts come from here
"""A permission that an answer omits counts as unanswered: it resolves and opens no findings."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from installation import Installation, Serve

from findings.nights import Nights, concerned
from pipedrive_graph.config.company import Collect
from pipedrive_graph.simulator import faults

EXPORT, API, IMPORT = "can_export_data_from_lists", "can_use_api", "can_use_import"
PERMISSIONS = "users/[0-9]+/permissions"

GRANTED = "SELECT user_id, permission, granted FROM user_permissions ORDER BY ALL"
STATUS = "SELECT status, reason FROM snapshots ORDER BY started_at DESC LIMIT 1"
LEFT_OUT = """
    SELECT permission, count(*), count(observed_at) FROM unanswered_permissions GROUP BY ALL ORDER BY ALL"""


@pytest.fixture
def nights(home: Path, serve: Serve) -> Nights:
    simulator = serve(users=24, clean=True, seed=3)
    nights = Nights(Installation.of(home, simulator, concerned()), simulator)
    for user in nights.ordinary[2:4]:
        nights.company.grant(user, EXPORT)
    return nights


def leave_out(nights: Nights, action: faults.Action, path: str = PERMISSIONS) -> faults.Fault:
    return nights.simulator.faults.add(path, action, times=None)


@pytest.mark.slow
@pytest.mark.parametrize("plan", [None, Collect.BY_ACCESS], ids=["every user", "by access"])
def test_permissions_missing_from_all_answers_stay_as_last_known(nights: Nights, plan) -> None:
    nights.plan = plan
    before = nights.night()
    assert len(before) >= 2
    granted = nights.query(GRANTED)
    fault = leave_out(nights, faults.without_keys(EXPORT, API, IMPORT))

    assert nights.night() == before
    if plan:
        # of users who were asked for the first time, what was inferred before is not known any more
        for _ in range(3):
            assert {row for row in nights.query(GRANTED) if row[2] is not None} <= {*granted}
            assert nights.night() == before
        nights.rebuilds_the_same()
        return
    assert nights.query(GRANTED) == granted
    ((asked,),) = nights.query("SELECT observed FROM snapshots ORDER BY started_at DESC LIMIT 1")
    assert nights.query(LEFT_OUT) == [(name, asked, asked) for name in (EXPORT, API, IMPORT)]
    assert nights.query(STATUS) == [
        (
            "partial",
            f"{3 * asked} permissions of {asked} users that Pipedrive gave before are missing in its answers"
            f" (see unanswered_permissions), such as {EXPORT}.",
        )
    ]
    assert nights.query(
        "SELECT DISTINCT CAST(observed_at AS DATE)::VARCHAR FROM user_permissions"
        f" WHERE permission = '{API}' AND source = 'observed'"
    ) == [("2026-11-01",)]

    # again: still nothing is believed, since permission sets list them
    for _ in range(3):
        assert nights.night() == before
    assert nights.query("SELECT count(*) FROM access_changes") == [(0,)]
    nights.rebuilds_the_same()

    nights.simulator.faults.remove(fault)
    nights.company.revoke(nights.ordinary[2], EXPORT)
    after = nights.night()
    if plan is None:
        assert {entry for entry in before if entry[1] != str(nights.ordinary[2])} <= after
        assert nights.query(STATUS) == [("complete", None)]
        assert nights.query("SELECT count(*) FROM unanswered_permissions") == [(0,)]


@pytest.mark.slow
def test_permissions_missing_from_some_answers_stay_as_last_known(nights: Nights) -> None:
    suspect, other = nights.ordinary[2:4]
    before = nights.night()
    leave_out(nights, faults.without_keys(EXPORT), f"users/{suspect}/permissions")
    leave_out(nights, faults.empty_map, f"users/{other}/permissions")

    assert nights.night() == before
    assert nights.query(
        f"SELECT granted, CAST(observed_at AS DATE)::VARCHAR FROM user_permissions WHERE user_id = {suspect}"
        f" AND permission IN ('{EXPORT}', '{API}') ORDER BY permission"
    ) == [(True, "2026-11-01"), (False, "2026-11-02")]
    assert nights.query(
        f"SELECT DISTINCT CAST(observed_at AS DATE)::VARCHAR FROM user_permissions WHERE user_id = {other}"
    ) == [("2026-11-01",)]


@pytest.mark.slow
def test_empty_maps_for_everybody_take_nothing_away(nights: Nights) -> None:
    before = nights.night()
    granted = nights.query(GRANTED)
    leave_out(nights, faults.empty_map)

    result = nights.sync()

    assert result.code == 4
    assert nights.query(GRANTED) == granted
    assert {*nights.query("SELECT rule, subject_id, object FROM findings WHERE status = 'open'")} == before


@pytest.mark.slow
def test_sync_says_what_was_left_out(nights: Nights) -> None:
    nights.night()
    leave_out(nights, faults.without_keys(EXPORT))

    told = nights.sync()

    assert told.code == 4
    users = len(nights.company.users)
    assert (
        f"Warning: The answers of Pipedrive omit {users} permissions of {users} users that they had"
        f" before: {EXPORT}. The last known values are used; the table unanswered_permissions lists"
        " all of them."
    ) in told.err
    (result,) = told.objects
    assert (result["status"], result["reason"]) == (
        "partial",
        f"{users} permissions of {users} users that Pipedrive gave before are missing in its answers"
        f" (see unanswered_permissions), such as {EXPORT}.",
    )


@pytest.mark.slow
def test_a_permission_that_is_missing_in_the_first_snapshot_is_not_known(nights: Nights) -> None:
    suspect = nights.ordinary[2]
    leave_out(nights, faults.without_keys(EXPORT), f"users/{suspect}/permissions")

    found = nights.night()

    assert ("unexplained_permission", str(nights.ordinary[3]), EXPORT) in found
    assert nights.query(STATUS) == [("complete", None)]
    assert nights.query(LEFT_OUT) == [(EXPORT, 1, 0)]
    assert nights.query(
        f"SELECT granted, observed_at FROM user_permissions WHERE user_id = {suspect}"
        f" AND permission = '{EXPORT}'"
    ) == [(None, None)]


@pytest.mark.slow
def test_a_permission_that_no_answer_names_in_three_full_snapshots_is_gone_once(nights: Nights) -> None:
    suspect, other = nights.ordinary[2:4]
    for user in (suspect, other):
        nights.company.grant(user, "can_old")
    before = nights.night()
    old = {("unexplained_permission", str(user), "can_old") for user in (suspect, other)}
    assert old <= before
    nights.simulator.faults.add(f"users/{other}/permissions", faults.without_keys("can_old"))
    nights.simulator.faults.add(f"users/{other}/permissions", faults.forbidden)
    leave_out(nights, faults.without_keys("can_old"))

    assert nights.night() == before
    assert nights.night() == before  # not full: it does not count
    assert nights.night() == before

    assert nights.night() == before - old | {nights.event}
    admins = [user.id for user in nights.company.users.values() if user.admin_apps]  # they hold everything
    holders = sorted([suspect, other, *admins])
    assert nights.query("SELECT title FROM findings WHERE rule = 'vendor_change'") == [
        (
            f"Pipedrive itself changed can_old for {len(holders)} users: {len(holders)} gone with a "
            "permission that was removed, none held back until the next snapshot.",
        )
    ]
    assert nights.query("SELECT user_id, permission, change, held FROM vendor_changes ORDER BY ALL") == [
        (user, "can_old", "removed", False) for user in holders
    ]
    assert nights.query("SELECT count(*) FROM access_changes") == [(0,)]
    assert nights.query(STATUS) == [("complete", None)]
    assert nights.night() == before - old | {nights.event}
    nights.rebuilds_the_same()


def only_granted(body) -> None:
    body["data"] = {name: value for name, value in body["data"].items() if value}


@pytest.mark.slow
def test_where_only_what_is_granted_is_named_a_permission_that_is_left_out_is_not_granted(
    nights: Nights,
) -> None:
    """Of a server that never denies, leaving out is the only way to say no."""
    suspect = nights.ordinary[2]
    leave_out(nights, faults.edit(only_granted))
    before = nights.night()
    assert ("unexplained_permission", str(suspect), EXPORT) in before
    assert nights.query(LEFT_OUT) == []
    nights.company.revoke(suspect, EXPORT)

    after = nights.night()

    assert ("unexplained_permission", str(suspect), EXPORT) not in after
    assert nights.query(STATUS) == [("complete", None)]


@pytest.mark.slow
def test_a_warehouse_of_a_version_before_knows_what_was_named(nights: Nights) -> None:
    before = nights.night()
    with duckdb.connect(str(nights.installation.settings.warehouse)) as connection:
        connection.execute("DROP TABLE history.permission_names CASCADE")
        connection.execute("DROP TABLE history.unanswered_permissions CASCADE")
    leave_out(nights, faults.without_keys(EXPORT))

    assert nights.night() == before
    (entry,) = nights.query(LEFT_OUT)
    assert entry[0] == EXPORT
    assert entry[1] == entry[2] == len(nights.company.users)


@pytest.mark.slow
def test_lists_that_are_empty_for_everybody_are_not_answered(nights: Nights) -> None:
    before = nights.night()
    access = nights.query("SELECT user_id, app, permission_set_id FROM user_permission_sets ORDER BY ALL")
    contents = nights.query("SELECT permission_set_id, contents FROM permission_sets ORDER BY ALL")

    def no_access(body) -> None:
        for user in body["data"]:
            user["access"] = []

    def no_contents(body) -> None:
        sets = body["data"] if isinstance(body["data"], list) else [body["data"]]
        for entry in sets:
            entry["contents"] = []

    nights.simulator.faults.add("users", faults.edit(no_access), times=None)
    nights.simulator.faults.add("permissionSets/.*", faults.edit(no_contents), times=None)

    assert nights.night() == before
    assert (
        nights.query("SELECT user_id, app, permission_set_id FROM user_permission_sets ORDER BY ALL")
        == access
    )
    assert nights.query("SELECT permission_set_id, contents FROM permission_sets ORDER BY ALL") == contents
    assert nights.query("SELECT count(*) FROM access_changes") == [(0,)]


@pytest.mark.slow
def test_a_login_and_an_admin_right_that_are_not_sent_any_more_are_as_last_known(nights: Nights) -> None:
    nights.night()
    logins = "SELECT user_id, last_login, admin FROM users ORDER BY ALL"
    before = nights.query(logins)

    def silent(body) -> None:
        for user in body["data"]:
            user["last_login"] = None
            for entry in user["access"]:
                del entry["admin"]

    nights.simulator.faults.add("users", faults.edit(silent), times=None)
    nights.night()

    assert nights.query(logins) == before
    assert json.dumps(before, default=str).count("true") >= 1
