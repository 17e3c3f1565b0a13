from __future__ import annotations

import pytest

from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import PermissionSet, Role, RoleAssignment, User
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

from .using import use


def read_pages(simulator: Simulator, call: Call) -> list[Answer]:
    async def job(pipedrive: Pipedrive) -> list[Answer]:
        return [answer async for answer in pipedrive.pages(call)]

    return use(simulator.url, simulator.token, job)


def test_a_list_that_is_not_paged_is_one_answer():
    with Simulator(Options(users=130)) as simulator:
        (answer,) = read_pages(simulator, Call(Endpoint.USERS, limit=50))
        assert [user.id for user in answer.rows(User)] == [
            user.id for user in simulator.company.users.values()
        ]


@pytest.mark.parametrize("paging", ["next_start", "limit", "flat"])
def test_a_list_is_followed_to_its_end_however_it_speaks_of_the_next_page(paging):
    with Simulator(Options(users=130, dialect="brief", paging=paging, page_limit=50)) as simulator:
        answers = read_pages(simulator, Call(Endpoint.USERS, limit=500))
        assert [answer.call.start for answer in answers] == [None, 50, 100]
        assert [answer.next_start for answer in answers] == [50, 100, None]
        read = [user.id for answer in answers for user in answer.rows(User)]
        assert sorted(read) == sorted(simulator.company.users)
        role = max(simulator.company.roles)
    with Simulator(Options(users=130, paging=paging, page_limit=7)) as simulator:
        for call in (Call(Endpoint.ROLES, limit=500), Call(Endpoint.ROLE_MEMBERS, str(role), limit=500)):
            rows = [row for answer in read_pages(simulator, call) for row in answer.data or []]
            expected = simulator.company.members(role) if call.id else simulator.company.roles
            assert len(rows) == len(expected)


@pytest.mark.parametrize("paging", ["limit", "flat"])
def test_a_page_without_next_start_may_be_short_and_may_be_empty(paging):
    """Rows that are hidden from the token are missing from their page; the next one follows the limit."""
    with Simulator(Options(users=40, dialect="brief", paging=paging)) as simulator:
        hidden = simulator.faults.add("users", faults.edit(lambda body: body["data"].pop()))
        answers = read_pages(simulator, Call(Endpoint.USERS, limit=10))
        assert hidden.hits == 1
        assert [answer.call.start for answer in answers] == [None, 10, 20, 30]
        simulator.faults.add("users", faults.edit(lambda body: body["data"].clear()), after=1)
        assert len(read_pages(simulator, Call(Endpoint.USERS, limit=10))) == 2


def test_a_list_that_is_paged_is_followed_to_its_end():
    with Simulator(Options(users=130, dialect="brief")) as simulator:
        answers = read_pages(simulator, Call(Endpoint.USERS, start=0, limit=50))
        assert [len(answer.rows(User)) for answer in answers] == [50, 50, 30]
        assert [answer.call.start for answer in answers] == [0, 50, 100]
        read = [user.id for answer in answers for user in answer.rows(User)]
        assert sorted(read) == sorted(simulator.company.users)
        assert len(read_pages(simulator, Call(Endpoint.USERS))) == 2


@pytest.mark.parametrize("options", [{}, {"null_lists": True}, {"set_shape": "bare"}])
def test_every_endpoint_is_read_in_its_own_kind_of_records(options):
    with Simulator(Options(users=20, **options)) as simulator:
        user = str(next(iter(simulator.company.users)))
        role = str(next(iter(simulator.company.roles)))
        chosen = str(next(iter(simulator.company.sets)))
        calls = {
            Call(Endpoint.USER, user): User,
            Call(Endpoint.ROLES): Role,
            Call(Endpoint.ROLE, role): Role,
            Call(Endpoint.ROLE_ASSIGNMENTS, user): RoleAssignment,
            Call(Endpoint.PERMISSION_SETS): PermissionSet,
            Call(Endpoint.PERMISSION_SET, chosen): PermissionSet,
        }

        async def job(pipedrive: Pipedrive):
            return [await pipedrive.fetch(call) for call in calls]

        for answer in use(simulator.url, simulator.token, job):
            assert answer.outcome is Outcome.ANSWERED, answer.problem
            assert answer.rows(calls[answer.call])


@pytest.fixture
def paged():
    with Simulator(Options(users=30, dialect="brief")) as simulator:
        yield simulator


def test_a_server_that_ignores_start_is_asked_twice(paged: Simulator):
    def same(body):
        body["data"] = [{"id": 1}, {"id": 2}]
        start = body["additional_data"]["pagination"]["start"]
        body["additional_data"]["pagination"] = {
            "start": start,
            "more_items_in_collection": True,
            "next_start": start + 2,
        }

    fault = paged.faults.add("users", faults.edit(same), times=None)
    (answer,) = read_pages(paged, Call(Endpoint.USERS))
    assert len(answer.rows(User)) == 2
    assert fault.hits == 2


@pytest.mark.parametrize("following", [0, -7, 9])
def test_a_next_page_that_points_back_is_looked_for_behind_what_came(paged: Simulator, following: int):
    def back(body):
        if body["additional_data"]["pagination"]["more_items_in_collection"]:
            body["additional_data"]["pagination"]["next_start"] = min(following, body["data"][0]["id"])

    paged.faults.add("users", faults.edit(back), times=None)
    answers = read_pages(paged, Call(Endpoint.USERS, start=10, limit=10))
    assert [len(answer.rows(User)) for answer in answers] == [10, 10]
    assert [answer.next_start for answer in answers] == [20, None]


def test_a_server_that_points_back_and_sends_the_same_is_asked_twice(paged: Simulator):
    page = {"success": True, "data": [{"id": 1}]}
    page["additional_data"] = {"pagination": {"more_items_in_collection": True, "next_start": 0}}
    fault = paged.faults.add("users", faults.body(page), times=None)
    (answer,) = read_pages(paged, Call(Endpoint.USERS))
    assert fault.hits == 2
    assert answer.next_start == 1  # more is announced than was given


def test_an_empty_page_ends_the_list_whatever_it_announces(paged: Simulator):
    page = {"success": True, "data": None}
    page["additional_data"] = {"pagination": {"more_items_in_collection": True, "next_start": 9}}
    fault = paged.faults.add("users/7/roleAssignments", faults.body(page), times=None)
    (answer,) = read_pages(paged, Call(Endpoint.ROLE_ASSIGNMENTS, "7"))
    assert answer.data == []
    assert fault.hits == 1


@pytest.mark.parametrize("more", [True, False])
def test_an_empty_last_page_says_whether_the_list_is_at_its_end(paged: Simulator, more: bool):
    """Servers that are out by one announce a page more than there is."""
    pagination = {"more_items_in_collection": True, "next_start": 20}
    full = {"success": True, "data": [{"id": 1}], "additional_data": {"pagination": pagination}}
    empty = {
        "success": True,
        "data": [],
        "additional_data": {"pagination": {"more_items_in_collection": more}},
    }
    empty["additional_data"]["pagination"] |= {"next_start": 40} if more else {}
    paged.faults.add("users", faults.body(full))
    paged.faults.add("users", faults.body(empty))
    answers = read_pages(paged, Call(Endpoint.USERS))
    assert answers[-1].next_start == (40 if more else None)


def test_a_users_own_list_that_repeats_itself_has_failed(paged: Simulator):
    rows = [{"user_id": 7, "role_id": 1, "active_flag": True}]
    page = {"success": True, "data": rows}
    page["additional_data"] = {"pagination": {"more_items_in_collection": True, "next_start": 0}}
    paged.faults.add("users/7/roleAssignments", faults.body(page), times=None)
    first, second = read_pages(paged, Call(Endpoint.ROLE_ASSIGNMENTS, "7"))
    assert (first.outcome, second.outcome) == (Outcome.ANSWERED, Outcome.FAILED)
    assert second.problem == (
        "users/7/roleAssignments: pagination: the same rows come again, and more are announced"
    )


def test_a_list_without_users_is_none(paged: Simulator):
    fault = paged.faults.add("users", faults.body({"success": True, "data": None}), times=None)
    (answer,) = read_pages(paged, Call(Endpoint.USERS))
    assert (answer.outcome, answer.problem) == (Outcome.FAILED, "users: data: expected users, got none")
    assert fault.hits == 6


def test_a_page_that_fails_is_the_last_one(paged: Simulator):
    paged.faults.add("users", faults.status(500), times=None, after=1)
    answers = read_pages(paged, Call(Endpoint.USERS, limit=10))
    assert [answer.outcome for answer in answers] == [Outcome.ANSWERED, Outcome.FAILED]
    assert answers[1].call == Call(Endpoint.USERS, start=10, limit=10)


def test_a_list_that_has_no_end_fails_once_it_is_too_large(monkeypatch):
    monkeypatch.setattr("pipedrive_graph.pipedrive.pagination.LARGEST_LIST", 20_000)
    with Simulator(Options(users=130, dialect="brief")) as simulator:
        *before, last = read_pages(simulator, Call(Endpoint.USERS, start=0, limit=10))
    assert {answer.outcome for answer in before} == {Outcome.ANSWERED}
    assert sum(len(answer.text) for answer in before) <= 20_000
    assert (last.outcome, last.problem) == (Outcome.FAILED, "users: the list is too large")
