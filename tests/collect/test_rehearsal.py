"""Going through a collection without making its calls: what it costs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipedrive_graph.collect.call_log import CallLog
from pipedrive_graph.collect.estimate.dry_run import Assumption, expected_calls
from pipedrive_graph.collect.sampling import Schedule
from pipedrive_graph.collect.steps import Past
from pipedrive_graph.config.company import Collect
from pipedrive_graph.landing import KnownIds
from pipedrive_graph.landing.records import ObservationState
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import Access, Data, PermissionSet, Role, User

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PAST = Past(KnownIds(), ObservationState(), Schedule(NOW, None, timedelta(days=7)))


def company(users: int) -> CallLog:
    """A call log with the lists of a company: twenty roles, ten sets, ten users per thousand are admins."""

    def listed(endpoint: Endpoint, rows: Data) -> list[Answer]:
        return [Answer(Call(endpoint), Outcome.ANSWERED, 200, NOW, "", data=rows)]

    return CallLog(
        listed={
            Endpoint.USERS: listed(
                Endpoint.USERS,
                [
                    User(
                        id=number,
                        role_id=number % 20 + 1,
                        active_flag=True,
                        access=[
                            Access(app="sales", admin=number % 100 == 0, permission_set_id=str(number % 10))
                        ],
                    )
                    for number in range(1, users + 1)
                ],
            ),
            Endpoint.ROLES: listed(Endpoint.ROLES, [Role(id=number) for number in range(1, 21)]),
            Endpoint.PERMISSION_SETS: listed(
                Endpoint.PERMISSION_SETS, [PermissionSet(id=str(number)) for number in range(10)]
            ),
        }
    )


@pytest.mark.parametrize(
    ("collect", "assumption", "calls"),
    [
        (Collect.EVERY_USER, Assumption.AS_BEFORE, 10 + 2 * 3000),
        (Collect.EVERY_USER, Assumption.WORST, 10 + 2 * 3000),
        # sets, roles, 30 admins, two of each of the ten other signatures (an admin's is another)
        (Collect.BY_ACCESS, Assumption.AS_BEFORE, 10 + 20 + 30 + 2 * 10),
        # two roles are tried; one user for each role
        (Collect.BY_ACCESS, Assumption.NO_MEMBERS, 10 + 2 + 20 + 30 + 2 * 10),
        (Collect.BY_ACCESS, Assumption.WORST, 10 + 20 + 2 * 3000),
    ],
)
def test_calls_of_a_first_night(collect: Collect, assumption: Assumption, calls: int) -> None:
    phases = asyncio.run(expected_calls(collect, company(3000), PAST, assumption))

    assert sum(map(len, phases)) == len({call for phase in phases for call in phase}) == calls


@pytest.mark.parametrize(
    ("assumption", "later"),
    [
        (Assumption.AS_BEFORE, []),
        # user 9 is there after all, and has details as the others
        (
            Assumption.WORST,
            [[Call(Endpoint.ROLE_ASSIGNMENTS, id="9"), Call(Endpoint.PERMISSIONS, id="9")]],
        ),
    ],
)
def test_proofs_of_what_is_missing_are_asked_for_together_with_the_details(
    assumption: Assumption, later: list[list[Call]]
) -> None:
    known = KnownIds(users=[1, 9], roles=[1, 88], permission_sets=["1", "gone"])

    first, *others = asyncio.run(
        expected_calls(Collect.EVERY_USER, company(2), replace(PAST, known=known), assumption)
    )

    assert first == [
        Call(Endpoint.USER, id="9"),
        Call(Endpoint.ROLE, id="88"),
        Call(Endpoint.PERMISSION_SET, id="gone"),
        *(Call(Endpoint.PERMISSION_SET, id=str(number)) for number in range(10)),
        Call(Endpoint.ROLE_ASSIGNMENTS, id="1"),
        Call(Endpoint.PERMISSIONS, id="1"),
        Call(Endpoint.ROLE_ASSIGNMENTS, id="2"),
        Call(Endpoint.PERMISSIONS, id="2"),
    ]
    assert others == later


def test_by_access_proofs_of_what_is_missing_are_one_round() -> None:
    known = KnownIds(users=[9], roles=[88], permission_sets=["gone"])

    rounds = asyncio.run(
        expected_calls(Collect.BY_ACCESS, company(2), replace(PAST, known=known), Assumption.AS_BEFORE)
    )

    assert rounds[0] == [
        Call(Endpoint.USER, id="9"),
        Call(Endpoint.ROLE, id="88"),
        Call(Endpoint.PERMISSION_SET, id="gone"),
    ]
    assert rounds[-1][-1].endpoint is Endpoint.PERMISSIONS


def test_members_of_a_large_role_take_several_pages() -> None:
    phases = asyncio.run(expected_calls(Collect.BY_ACCESS, company(20_001), PAST, Assumption.AS_BEFORE))

    members = [call for phase in phases for call in phase if call.endpoint is Endpoint.ROLE_MEMBERS]
    # a role has 1,000 members, one has one more; 500 make a page
    assert len(members) == 20 * 2 + 1
    assert max(call.start or 0 for call in members) == 1000


@pytest.mark.parametrize("collect", list(Collect))
@pytest.mark.parametrize(
    "assumption",
    [pytest.param(one, marks=pytest.mark.slow if one is Assumption.WORST else ()) for one in Assumption],
)
def test_time_grows_with_the_company_and_not_faster(collect: Collect, assumption: Assumption) -> None:
    def seconds(users: int) -> float:
        took = []
        for _ in range(3):
            call_log, began = company(users), time.process_time()
            asyncio.run(expected_calls(collect, call_log, PAST, assumption))
            took.append(time.process_time() - began)
        return min(took)

    assert seconds(8000) < 10 * seconds(2000)  # four times as many; their square would be sixteen
