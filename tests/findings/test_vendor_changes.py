"""Changes by Pipedrive itself: one finding, held back until the next snapshot; other rules run as usual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from installation import Installation, Serve

from findings.nights import Nights, concerned
from pipedrive_graph.config.company import Collect
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.model import Access, PermissionSet

NEW = "can_use_magic"
EXPORT = "can_export_data_from_lists"


@pytest.fixture
def nights(home: Path, serve: Serve) -> Nights:
    simulator = serve(users=24, clean=True, seed=3)
    return Nights(Installation.of(home, simulator, concerned()), simulator)


@pytest.fixture(params=[None, Collect.BY_ACCESS], ids=["every user", "by access"])
def both(request: pytest.FixtureRequest, nights: Nights) -> Nights:
    """A company that is collected in both ways."""
    nights.plan = request.param
    return nights


@pytest.mark.slow
def test_a_permission_that_pipedrive_adds_is_one_finding_and_believed_if_it_stays(both: Nights) -> None:
    assert both.night() == set()

    both.company.change_for_all(True, NEW)
    assert both.night() == {both.event}
    ((answered,),) = both.query("SELECT observed FROM snapshots ORDER BY started_at DESC LIMIT 1")
    assert both.query("SELECT severity, title FROM findings") == [
        (
            "high",
            f"Pipedrive itself changed {NEW} for {answered} users: {answered} granted, all held back until "
            "the next snapshot.",
        )
    ]
    evidence = both.evidence()
    assert len({*evidence["reached_users"]}) == evidence["users"] == answered
    assert {key: evidence[key] for key in ("changed", "held", "by_kind", "permissions")} == {
        "changed": answered,
        "held": answered,
        "by_kind": {"granted": answered, "revoked": 0},
        "permissions": [{"permission": NEW, "change": "granted", "users": answered, "held": True}],
    }
    assert both.query("SELECT * FROM user_permissions WHERE permission = 'can_use_magic'") == []

    both.company.for_all.clear()
    both.company.flags.remove(NEW)
    assert both.night() == {both.event}
    assert both.query("SELECT status FROM findings") == [("open",)]
    assert both.query("SELECT count(*) FROM access_changes") == [(0,)]

    both.company.change_for_all(True, NEW)
    assert both.night() == {both.event}
    assert both.query("SELECT count(*) FROM findings") == [(2,)]

    found = both.night()
    asked = both.query(
        "SELECT user_id FROM users, current_snapshot WHERE NOT admin AND permissions_observed_at = as_of"
    )
    assert found == {both.event} | {("unexplained_permission", str(user), NEW) for (user,) in asked}
    # by access, others are asked in the night after
    assert both.night() >= found
    assert both.query("SELECT count(*) FROM findings WHERE rule = 'vendor_change'") == [(2,)]

    both.rebuilds_the_same()


@pytest.mark.slow
def test_false_answers_for_one_night_fix_nothing_and_find_nothing(both: Nights) -> None:
    suspect = both.ordinary[3]
    both.company.grant(suspect, EXPORT)
    before = both.night()
    assert ("unexplained_permission", str(suspect), EXPORT) in before
    granted = both.query("SELECT user_id, permission FROM user_permissions WHERE granted ORDER BY ALL")

    both.company.answers_false = True
    assert both.night() == before | {both.event}
    found = both.query("SELECT user_id, permission FROM user_permissions WHERE granted ORDER BY ALL")
    assert found == granted
    evidence = both.evidence()
    assert evidence["changed"] == evidence["held"] == evidence["by_kind"]["revoked"]
    assert [entry for entry in evidence["permissions"] if entry["permission"] == EXPORT] != []

    both.company.answers_false = False
    assert both.night() == before | {both.event}
    assert both.query("SELECT DISTINCT reopened, resolved_at FROM findings") == [(0, None)]
    assert both.query("SELECT count(*) FROM access_changes") == [(0,)]


@pytest.mark.slow
def test_a_grant_among_false_answers_is_found_and_false_answers_in_two_nights_are_believed(
    nights: Nights,
) -> None:
    suspect, attacker = nights.ordinary[3], nights.ordinary[5]
    nights.company.grant(suspect, NEW)
    before = nights.night()
    assert before == {("unexplained_permission", str(suspect), NEW)}

    nights.company.answers_false = True
    nights.simulator.faults.add(
        f"users/{attacker}/permissions",
        faults.edit(lambda body: body["data"].update({EXPORT: True})),
        times=None,
    )
    found = nights.night()
    assert found - {("sensitive_permission", str(attacker), EXPORT)} == before | {
        nights.event,
        ("sensitive_permission_granted", str(attacker), EXPORT),
        ("unexplained_permission", str(attacker), EXPORT),
    }

    found = nights.night()
    assert not before & found
    assert nights.query(
        "SELECT status, resolved_reason FROM findings WHERE rule LIKE 'unex%' AND object = 'can_use_magic'"
    ) == [("resolved", "fixed")]
    assert ("mass_change", str(nights.company.id), None) in found
    assert ("sensitive_permission_granted", str(attacker), EXPORT) in found
    assert nights.query("SELECT count(*) FROM findings WHERE rule = 'vendor_change'") == [(1,)]


@pytest.mark.slow
def test_a_sensitive_permission_that_everybody_is_granted_is_found_for_each(nights: Nights) -> None:
    (nights.installation.home).mkdir()
    (nights.installation.home / "findings.toml").write_text(f'[permissions]\nsensitive = ["{NEW}"]\n')
    nights.night()
    nights.company.change_for_all(True, NEW, "can_new_too")

    found = nights.night()

    lacking = [str(user.id) for user in nights.company.users.values() if not user.admin_apps]
    assert {entry for entry in found if entry[0] != "sensitive_permission_granted"} == {nights.event} | {
        ("unexplained_permission", user, NEW) for user in lacking
    }
    assert {entry for entry in found if entry[0] == "sensitive_permission_granted"} == {
        ("sensitive_permission_granted", user, NEW) for user in lacking
    }
    assert [(entry["permission"], entry["held"]) for entry in nights.evidence()["permissions"]] == [
        ("can_new_too", True),
        (NEW, False),
    ]


@pytest.mark.slow
def test_a_set_that_everybody_has_is_edited(nights: Nights) -> None:
    company = nights.company
    company.sets["everybody"] = PermissionSet("everybody", "Everybody", "projects", "custom", ["can_x"])
    for user in company.users.values():
        user.access = [*(user.access or []), Access("projects", False, "everybody")]
    nights.night()
    company.edit_set("everybody", add=[NEW])

    found = nights.night()

    assert found == {("permission_set_changed", "everybody", None)}
    granted = "SELECT bool_and(granted) FROM user_permissions WHERE permission = 'can_use_magic'"
    assert nights.query(granted) == [(True,)]


@pytest.mark.slow
def test_nothing_is_held_where_a_set_or_role_changed(nights: Nights) -> None:
    company = nights.company
    people = [str(user.id) for user in company.users.values() if not user.admin_apps]
    nights.night()
    expected: set[tuple[Any, ...]] = set()
    for number in range(4):
        company.change_for_all(True, f"can_{number}")
        if number == 0:
            company.sets[company.set_id("campaigns", "regular")].name = "Renamed"
        elif number == 1:
            next(iter(company.roles.values())).name = "Renamed"
        elif number == 2:
            company.sets["new"] = PermissionSet("new", "New", "sales", "custom", ["can_y"])
        else:
            nights.simulator.faults.add("permissionSets/new", faults.forbidden, times=None)

        found = nights.night()

        expected |= {("unexplained_permission", user, f"can_{number}") for user in people}
        assert {entry for entry in found if entry[0] != "mass_change"} == expected


@pytest.mark.slow
def test_what_happens_to_one_user_in_such_a_night_is_found(nights: Nights) -> None:
    company = nights.company
    moved, promoted, granted, lost = nights.ordinary[2:6]
    company.grant(lost, "can_x")
    nights.night()
    # the warehouse of a version before this rule has no such table
    with duckdb.connect(str(nights.installation.settings.warehouse)) as connection:
        connection.execute("DROP TABLE history.vendor_changes CASCADE")
    company.change_for_all(True, NEW)
    company.move(moved, 1)
    company.make_admin(promoted, "projects")
    company.grant(granted, EXPORT)
    company.revoke(lost, "can_x")

    found = nights.night()

    assert found - {("sensitive_permission", str(granted), EXPORT)} == {
        nights.event,
        ("unexplained_permission", str(moved), NEW),
        ("admin_granted", str(promoted), "projects"),
        ("sensitive_permission_granted", str(granted), EXPORT),
        ("unexplained_permission", str(granted), EXPORT),
    }
