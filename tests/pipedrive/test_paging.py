from __future__ import annotations

import pytest

from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.records import PermissionSet, Role, RoleAssignment, User
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
            assert answer.oddities == ()
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


@pytest.mark.parametrize("following", [0, 5])
def test_a_next_page_that_does_not_advance_ends_the_list(paged: Simulator, following: int):
    page = {"success": True, "data": [{"id": 1}]}
    pagination = {"more_items_in_collection": True, "next_start": following}
    page["additional_data"] = {"pagination": pagination}
    fault = paged.faults.add("users", faults.body(page), times=None)
    (answer,) = read_pages(paged, Call(Endpoint.USERS, start=5))
    assert fault.hits == 1
    assert answer.next_start is None
    assert f"start at {following} again" in answer.oddities[0]


def test_an_empty_page_ends_the_list_whatever_it_announces(paged: Simulator):
    page = {"success": True, "data": None}
    page["additional_data"] = {"pagination": {"more_items_in_collection": True, "next_start": 9}}
    fault = paged.faults.add("users", faults.body(page), times=None)
    (answer,) = read_pages(paged, Call(Endpoint.USERS))
    assert answer.data == []
    assert fault.hits == 1


def test_a_page_that_fails_is_the_last_one(paged: Simulator):
    paged.faults.add("users", faults.status(500), times=None, after=1)
    answers = read_pages(paged, Call(Endpoint.USERS, limit=10))
    assert [answer.outcome for answer in answers] == [Outcome.ANSWERED, Outcome.FAILED]
    assert answers[1].call == Call(Endpoint.USERS, start=10, limit=10)
