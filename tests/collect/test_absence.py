"""Absence needs proof: what a night did not see is carried, who is gone is gone, and a flood is stopped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation, Silent
from published import changes, query, tables

from pipedrive_graph.landing import Verdict
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Simulator


@pytest.fixture
def installation(home: Path, simulator: Simulator) -> Installation:
    """An installation whose nights find nothing: this is not about findings."""
    return Installation.of(home, simulator, UNJUDGED)


def unlist(simulator: Simulator, user_id: int) -> None:
    """Leave a user out of the list, although they are there."""

    def change(body) -> None:
        body["data"] = [row for row in body["data"] if row["id"] != user_id]

    simulator.faults.add("users", faults.edit(change), times=None)


def somebody(simulator: Simulator, place: int = 5) -> int:
    """A user who is neither the token's owner nor an admin."""
    people = [user.id for user in simulator.company.users.values() if user.active and not user.admin_apps]
    return people[place]


@pytest.mark.parametrize(
    "fault", [faults.not_found, pytest.param(faults.forbidden, marks=pytest.mark.slow)], ids=["404", "403"]
)
def test_a_partial_night_is_published_and_marked(installation, simulator, fault) -> None:
    user = somebody(simulator)
    simulator.faults.add(f"users/{user}/permissions", fault, times=None)

    result = installation.command("sync", "--json")

    assert result.code == 4
    (night,) = result.objects
    assert night["status"] == "partial"
    ((status, reason),) = query(installation.published, "SELECT status, reason FROM snapshots")
    assert status == "partial"
    assert re.fullmatch(r"1 of \d+ calls about single subjects were not answered\.", reason)
    assert query(
        installation.published, "SELECT DISTINCT granted FROM user_permissions WHERE user_id = ?", user
    ) in ([], [(None,)])
    assert query(installation.published, "SELECT count(*) FROM users WHERE user_id = ?", user) == [(1,)]


@pytest.mark.slow
def test_a_partial_night_says_so_on_the_terminal(installation, simulator) -> None:
    simulator.faults.add(f"users/{somebody(simulator)}/roleAssignments", faults.forbidden)

    result = installation.command("sync")

    assert result.code == 4
    assert "partial" in result.out
    assert re.search(r"1 of \d+ calls about single subjects were not answered\.", result.out)


SMALL = [
    # users, how many of them never answer for their permissions, how the night ends
    (1, 0, "complete"),
    (1, 1, "rejected"),  # nothing is known of anybody's permissions
    (2, 1, "partial"),
    (2, 2, "rejected"),
    (8, 1, "partial"),
    (8, 2, "partial"),
    (8, 3, "rejected"),
    (9, 2, "partial"),
    (9, 3, "rejected"),
    (20, 2, "partial"),
    (20, 3, "rejected"),
    (21, 2, "partial"),
    (21, 3, "rejected"),
]


@pytest.mark.parametrize(("users", "silent", "status"), SMALL)
def test_in_a_small_company_two_calls_may_be_missing(serve, home, users, silent, status) -> None:
    simulator = serve(users=max(users, 5), clean=True)
    company = simulator.company
    for user in [user for user in company.users if user != company.owner_id][users - 1 :]:
        company.remove_user(user)
    installation = Installation.of(home, simulator, UNJUDGED)
    mute = "|".join(map(str, sorted(company.users)[users - silent :]))
    simulator.faults.add(f"users/({mute})/permissions", faults.forbidden, times=None)

    assert len(company.users) == users
    assert installation.read().verdict.status == status


@pytest.mark.slow
def test_what_one_of_few_users_may_do_is_not_known_if_it_is_not_answered(serve, home) -> None:
    simulator = serve(users=8, clean=True)
    installation = Installation.of(home, simulator)
    user = simulator.company.plain_user_id
    fault = simulator.faults.add(f"users/{user}/permissions", faults.forbidden, times=None)

    assert installation.night().verdict.status == "partial"
    assert query(
        installation.published,
        "SELECT permissions_observed_at, permissions_source FROM users WHERE user_id = ?",
        user,
    ) == [(None, None)]
    about_user = "SELECT count(*) FROM {} WHERE user_id = ?"
    assert query(installation.published, about_user.format("user_permissions"), user) == [(0,)]

    simulator.faults.remove(fault)
    installation.night()
    before = query(installation.published, about_user.format("user_permissions"), user)
    assert before != [(0,)]
    simulator.faults.add(f"users/{user}/permissions", faults.forbidden, times=None)
    assert installation.night().verdict.status == "partial"
    assert query(installation.published, about_user.format("user_permissions"), user) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("users/.*/permissions", r"\d+ of \d+ calls .*, including every call for permissions of users\."),
        (
            "permissionSets/.*",
            r"\d+ of \d+ calls .*, including every call for contents of permission sets\.",
        ),
        ("users/.*/roleAssignments", r".*, including every call for role assignments\."),
    ],
)
def test_a_kind_of_which_nothing_is_answered_rejects_however_few_they_are(
    serve, home, monkeypatch, kind, reason
) -> None:
    monkeypatch.setattr("pipedrive_graph.collect.acceptance.MISSING_SHARE", 0.6)
    simulator = serve(users=8, clean=True)
    simulator.faults.add(kind, faults.forbidden, times=None)

    verdict = Installation.of(home, simulator, UNJUDGED).read().verdict

    assert verdict.status == "rejected"
    assert re.fullmatch(reason, verdict.reason)


@pytest.mark.slow
def test_a_row_that_cannot_be_read_costs_nobody_else(installation, simulator) -> None:
    installation.night()
    before = tables(installation.published)
    known = somebody(simulator)

    def spoil(listing, place, row):
        simulator.faults.add(listing, faults.edit(lambda body: body["data"].insert(place, row)), times=None)

    def unnamed(body):
        """An invited person without an id, a row that is nobody, and a known user whose id is lost."""
        (user,) = [row for row in body["data"] if row["id"] == known]
        user["id"] = "abc"
        body["data"][0:0] = [{"id": None, "name": "Invited"}, None]

    simulator.faults.add("users", faults.edit(unnamed), times=None)
    spoil("roles", 1, {"id": None, "name": "Lost"})
    spoil("permissionSets", 0, 7)
    spoil(f"users/{known}/roleAssignments", 0, {"user_id": known, "role_id": None})

    result = installation.command("sync", "--json")

    assert result.code == 4
    (night,) = result.objects
    assert (night["status"], night["users"]) == ("partial", 40)
    assert night["reason"] == (
        "6 rows cannot be read (see unreadable_values), first in users: row 1: id: expected an integer,"
        " got null."
    )
    found = query(
        installation.published,
        "SELECT endpoint, subject_id, field, value FROM unreadable_values ORDER BY ALL",
    )
    assert [row[:3] for row in found] == [
        ("permissionSets", None, "row 1"),
        ("roles", None, "row 2"),
        ("users", None, "row 1"),
        ("users", None, "row 2"),
        ("users", None, found[4][2]),
        ("users/{id}/roleAssignments", str(known), "row 1"),
    ]
    assert found[2][3] == '{"id":null,"name":"Invited"}'
    assert '"id":"abc"' in found[4][3].replace(" ", "")
    after = tables(installation.published)
    for name in ("users_history", "roles_history", "permission_sets_history", "access_changes"):
        assert after[name] == before[name]
    for name in ("user_roles_history", "user_permissions_history"):
        assert after[name] == before[name]


def test_the_last_page_of_users_may_be_a_row_that_cannot_be_read(serve, home) -> None:
    simulator = serve(users=10, dialect="brief", clean=True, page_limit=10)

    def announce(body):
        body["additional_data"]["pagination"] |= {"more_items_in_collection": True, "next_start": 10}

    simulator.faults.add("users", faults.edit(announce), times=1)
    simulator.faults.add("users", faults.body({"success": True, "data": [{"id": None}]}), times=1)

    verdict = Installation.of(home, simulator, UNJUDGED).read().verdict

    assert verdict.status == "partial"
    assert verdict.reason.endswith("first in users from 10: row 1: id: expected an integer, got null.")


@pytest.mark.slow
def test_below_95_percent_nothing_is_published(installation, simulator) -> None:
    installation.night()
    before = installation.published.read_bytes()
    refused = sorted(simulator.company.users)[5:12]  # 7 of about 100
    simulator.faults.add(f"users/({'|'.join(map(str, refused))})/permissions", faults.forbidden, times=None)

    result = installation.command("sync", "--json")

    assert result.code == 4
    assert re.fullmatch(
        r"7 of \d+ calls about single subjects were not answered; at most \d+ may be missing\. "
        r"The snapshot was put aside and nothing was published; run sync again\.",
        result.sentence,
    )
    (night,) = result.objects
    assert (night["status"], night["users"]) == ("rejected", 40)
    assert installation.published.read_bytes() == before
    simulator.faults.clear()
    installation.night()
    assert query(installation.published, "SELECT status FROM snapshots ORDER BY position") == [
        ("complete",), ("rejected",), ("complete",),
    ]  # fmt: skip
    assert changes(installation.published) == []


@pytest.mark.slow
def test_a_list_of_users_that_ends_too_early_is_rejected(serve, home) -> None:
    simulator = serve(dialect="brief", users=40)
    installation = Installation.of(home, simulator)
    installation.night()
    before = installation.published.read_bytes()

    def cut_off(body) -> None:
        body["data"] = body["data"][:20]
        body["additional_data"]["pagination"] |= {"more_items_in_collection": True, "next_start": 20}

    simulator.faults.add("users", faults.edit(cut_off), times=1)
    simulator.faults.add("users", faults.forbidden, times=None)

    result = installation.command("sync", "--json")

    assert result.code == 4
    assert result.sentence.startswith("The list of users was not answered in full")
    assert installation.published.read_bytes() == before


@pytest.mark.slow
def test_who_is_not_listed_but_answers_is_kept(installation, simulator) -> None:
    installation.night()
    before = tables(installation.published)
    unlist(simulator, user := somebody(simulator))

    manifest = installation.night()

    assert manifest.verdict.status == "complete"
    assert changes(installation.published) == []
    after = tables(installation.published)
    for name in ("users_history", "user_roles_history", "user_permissions_history"):
        assert after[name] == before[name]
    assert query(installation.published, "SELECT count(*) FROM users WHERE user_id = ?", user) == [(1,)]


@pytest.mark.slow
def test_who_is_not_listed_and_does_not_answer_is_carried(installation, simulator) -> None:
    installation.night()
    before = tables(installation.published)
    unlist(simulator, user := somebody(simulator))
    simulator.faults.add(f"users/{user}", faults.forbidden, times=None)

    manifest = installation.night()

    assert manifest.verdict.status == "partial"
    after = tables(installation.published)
    for name in ("users_history", "user_roles_history", "user_permissions_history", "access_changes"):
        assert after[name] == before[name]
    simulator.faults.clear()
    assert installation.night().verdict.status == "complete"  # and is asked for again
    assert changes(installation.published) == []


@pytest.mark.slow
def test_who_is_not_listed_and_cannot_be_asked_for_is_carried(installation, simulator) -> None:
    installation.night()
    before = tables(installation.published)
    unlist(simulator, user := somebody(simulator))
    simulator.faults.add(f"users/{user}", faults.status(500), times=None)

    manifest = installation.night()

    assert manifest.verdict.status == "partial"
    assert sum(request.path == f"users/{user}" for request in simulator.requests) >= 6
    assert tables(installation.published)["users_history"] == before["users_history"]


@pytest.mark.slow
def test_who_is_gone_and_comes_back_has_two_stays(installation, simulator) -> None:
    installation.night()
    user = simulator.company.users[somebody(simulator)]
    simulator.company.remove_user(user.id)
    installation.night()
    simulator.company.users[user.id] = user
    simulator.company.assign(user.id, user.role_id)

    installation.night()

    stays = query(
        installation.published,
        "SELECT count(*), count(valid_to) FROM users_history WHERE user_id = ?",
        user.id,
    )
    assert stays == [(2, 1)]
    assert ("added", "user", str(user.id), None, None, None, None) in changes(installation.published)


@pytest.mark.slow
@pytest.mark.parametrize("listing", ["roles", "permissionSets"])
def test_a_list_that_is_refused_from_the_start_is_missed(installation, simulator, listing) -> None:
    simulator.faults.add(f"{listing}.*", faults.forbidden, times=None)
    told = Silent()

    manifest = installation.night(observer=told)

    assert manifest.verdict == Verdict(
        status="partial",
        reason=f"The list {listing} was not answered: {listing}: answered with status 403: You do not have"
        " permissions to do this.",
    )
    assert told.warnings == [
        f"Pipedrive refuses {listing} to this token; data that only this list has stays unknown."
    ]
    roles = {role for (role,) in query(installation.published, "SELECT DISTINCT role_id FROM user_roles")}
    held = {row.role_id for rows in simulator.company.assignments.values() for row in rows}
    assert roles == held
    assert query(installation.published, "SELECT endpoint, outcome FROM lists_not_given") == [
        (listing, "refused")
    ]
    again = Silent()
    assert installation.night(observer=again).verdict.status == "partial"


@pytest.mark.slow
@pytest.mark.parametrize(("listing", "status"), [("roles", "partial"), ("permissionSets", "complete")])
def test_a_list_that_is_not_there_from_the_start_is_named(installation, simulator, listing, status) -> None:
    """Some editions have no permission sets; every one has roles."""
    simulator.faults.add(f"{listing}.*", faults.not_found, times=None)

    told = installation.command("sync", "--json")

    assert told.code == (4 if status == "partial" else 0)
    (result,) = told.objects
    assert (result["status"], result["lists_not_given"]) == (status, [listing])
    assert query(installation.published, "SELECT endpoint, outcome FROM lists_not_given") == [
        (listing, "unoffered")
    ]


@pytest.mark.slow
def test_users_who_are_withheld_in_the_first_snapshot_are_missed(serve, home) -> None:
    simulator = serve(users=60, clean=True)
    installation = Installation.of(home, simulator)
    owner = simulator.company.owner_id

    def withhold(body) -> None:
        others = [row for row in body["data"] if row["id"] != owner]
        body["data"] = [row for row in body["data"] if row["id"] == owner] + others[:1]

    simulator.faults.add("users", faults.edit(withhold), times=None)

    told = installation.command("sync", "--json")

    assert told.code == 4
    (result,) = told.objects
    assert (result["status"], result["users"]) == ("partial", 2)
    assert result["reason"].startswith(
        "Pipedrive counts 60 assignments to roles, but 58 of them belong to none of the 2 listed users. "
    )
    assert result["count_mismatches"] > 0
    severities = query(
        installation.published, "SELECT DISTINCT severity FROM findings WHERE rule = 'count_mismatch'"
    )
    assert ("high",) in severities


@pytest.mark.slow
def test_rows_of_one_id_that_contradict_each_other_are_not_believed(installation, simulator) -> None:
    installation.night()
    user = somebody(simulator)
    before = query(installation.published, "SELECT name, active, access FROM users_history ORDER BY user_id")

    def repeat(body) -> None:
        (row,) = [row for row in body["data"] if row["id"] == user]
        body["data"].insert(0, {**row, "active_flag": False, "access": [], "name": "Somebody else"})

    def repeat_role(body) -> None:
        body["data"].insert(0, {**body["data"][1], "name": "Another"})

    simulator.faults.add("users", faults.edit(repeat), times=None)
    simulator.faults.add("roles", faults.edit(repeat_role), times=None)

    manifest = installation.night()

    assert manifest.verdict == Verdict(
        status="partial",
        reason="2 ids appear more than once in a list with different values, so these values are unknown (see"
        f" unreadable_values), first users: id {user}.",
    )
    after = query(installation.published, "SELECT name, active, access FROM users_history ORDER BY user_id")
    assert after == before
    found = query(installation.published, "SELECT endpoint, field, value FROM unreadable_values ORDER BY ALL")
    assert [row[:2] for row in found] == [
        ("roles", "name"),
        ("users", "access"),
        ("users", "active_flag"),
        ("users", "name"),
    ]
    assert found[2][2] == "false or true"
    assert changes(installation.published) == []


@pytest.mark.slow
@pytest.mark.parametrize("listing", ["roles", pytest.param("permissionSets", marks=pytest.mark.slow)])
def test_a_list_that_was_offered_before_is_missed(installation, simulator, listing) -> None:
    installation.night()
    before = tables(installation.published)
    simulator.faults.add(listing, faults.forbidden, times=None)

    manifest = installation.night()

    assert manifest.verdict.status == "partial"
    assert re.match(f"The list {listing} was not answered: .+", manifest.verdict.reason)
    after = tables(installation.published)
    for name in ("roles_history", "permission_sets_history", "user_permissions_history", "access_changes"):
        assert after[name] == before[name]


@pytest.mark.slow
def test_the_shrink_guard_wants_a_persons_word(installation, simulator) -> None:
    installation.night()
    before = installation.published.read_bytes()
    people = [somebody(simulator, place) for place in range(9)]  # 9 of 40 are more than 20 %
    for user in people:
        simulator.company.remove_user(user)

    result = installation.command("sync", "--json")

    assert result.code == 1
    refused = installation.landing().latest().snapshot_id
    assert result.sentence == (
        "9 of the 40 known users are gone since the last snapshot. Nothing was published. "
        "If that is right, run sync once with --accept-shrink "
        f'(in Dagster, launch the run once with accept_shrink: "{refused}").'
    )
    assert result.failures == [("default", result.code, result.sentence)]
    assert installation.published.read_bytes() == before

    accepted = installation.command("sync", "--json", "--accept-shrink")

    assert (accepted.code, accepted.err) == (0, "")
    assert accepted.objects[0]["users"] == 31
    removed = query(installation.published, "SELECT subject_id FROM access_changes WHERE kind = 'removed'")
    assert {int(subject) for (subject,) in removed} == set(people)
    assert installation.night().verdict.status == "complete"
    assert changes(installation.published) == []


@pytest.mark.slow
def test_a_fifth_of_the_users_may_go(installation, simulator) -> None:
    installation.night()
    for user in [somebody(simulator, place) for place in range(8)]:
        simulator.company.remove_user(user)

    assert installation.night().verdict.status == "complete"


@pytest.mark.slow
def test_four_users_may_go_from_a_small_company(serve, home) -> None:
    simulator = serve(users=12, clean=True)
    installation = Installation.of(home, simulator)
    installation.night()
    for user in [somebody(simulator, place) for place in range(4)]:
        simulator.company.remove_user(user)

    assert installation.night().verdict.status == "complete"
