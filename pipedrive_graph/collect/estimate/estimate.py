"""Estimates, with a few calls, the cost of collecting a company with each plan; changes no snapshot."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pipedrive_graph.collect.call_log import LISTED, CallLog
from pipedrive_graph.collect.estimate.dry_run import Assumption, expected_calls
from pipedrive_graph.collect.estimate.forecast import (
    Asked,
    Forecast,
    Pace,
    counted,
    days,
    forecast,
    measured,
    price,
)
from pipedrive_graph.collect.plan import PAGE
from pipedrive_graph.collect.resume import (
    drafts_of,
    identity_of,
    refuse_another_company,
    refuse_without_users,
)
from pipedrive_graph.collect.steps import past_of
from pipedrive_graph.collect.stored_answers import answers_of
from pipedrive_graph.collect.visibility import VISIBILITY_LISTS
from pipedrive_graph.common import clock
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.errors import IncompleteError
from pipedrive_graph.landing import CompanyLanding, Snapshot
from pipedrive_graph.landing.seed import read_seed
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import Me
from pipedrive_graph.pipedrive.ratelimit.daily_budget import Budget

Days = tuple[int | None, int | None]
"""Fewest and most days; None if the collection never ends because a day's budget does not cover the lists."""


@dataclass(frozen=True, slots=True)
class Way:
    """The cost of collecting a company with one plan.

    Attributes:
        collect: the plan.
        forecast: its requests, tokens and seconds.
        days: how many days' budgets it uses, at least and at most; None if the budget is unknown.
        resumes: id of the interrupted snapshot that would be finished; None for a new one.
    """

    collect: Collect
    forecast: Forecast
    days: Days | None
    resumes: str | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """The cost of collecting a company, with each plan.

    Attributes:
        company: its name in the settings.
        called: its name in Pipedrive.
        users: how many are listed.
        roles, permission_sets: how many are listed; None if the token may not read the list.
        pace: the speed of the server.
        budget: what is left of the day's budget after this estimate; None if the server does not report it.
        ways: the cost of each plan.
        collect: the plan in the settings.
        visibility: whether the plans include who can see what.
    """

    company: str
    called: str
    users: int
    roles: int | None
    permission_sets: int | None
    pace: Pace
    budget: Budget | None
    ways: tuple[Way, ...]
    collect: Collect
    visibility: bool

    @property
    def recommended(self) -> Way:
        """The plan that observes most within today's budget, or else the one that ends soonest."""

        def nights(way: Way) -> float:
            expected = 1 if way.days is None else way.days[0]
            return math.inf if expected is None else expected

        return min(self.ways, key=nights)


async def estimate_cost(
    company: Company, landing: CompanyLanding, *, on_warning: Callable[[str], None]
) -> Outlook:
    """Read the lists of a company, and estimate the cost of collecting it.

    The estimate reads the token's owner, users, roles and permission sets, with one call each. A list in
    pages is read to its end, with one call per 500 rows, because its length is not known otherwise.

    The estimate is for a run that starts now: which users are due for observation depends on the time.

    Args:
        company: the company to estimate.
        landing: its snapshots.
        on_warning: called with warnings for the operator.

    Raises:
        PipedriveGraphError: as `collect` does, except for errors about writing.
    """
    client = Pipedrive.of(company, on_warning=on_warning)
    call_log = CallLog()
    async with client:
        opening = _Opening(client)
        me = await client.preflight()
        owner = me.rows(Me)[0]
        refuse_another_company(landing, identity_of(owner, company, company.collect))
        opening.lap(Endpoint.ME)
        for endpoint in LISTED:
            call_log.listed[endpoint] = [page async for page in client.pages(Call(endpoint, limit=PAGE))]
            opening.lap(endpoint)
            if endpoint is Endpoint.USERS:
                _refuse_without_all(landing, call_log.listed[endpoint])
        stats, budget = client.stats, client.budget
    latency, connecting = measured(opening.asked)
    if company.visibility:
        # not requested, because each is one page
        opening.asked += [Asked(endpoint, 1, latency) for endpoint in VISIBILITY_LISTS]
    pace = Pace(stats.limit, stats.limit_told, stats.own, stats.window, latency, connecting)
    ways = []
    for collect in Collect:
        unfinished = drafts_of(landing, identity_of(owner, company, collect)).resumable
        as_of = unfinished.draft.started_at if unfinished else clock.now()
        past = past_of(company, landing, as_of, read_seed(landing.storage))
        possible = [
            await expected_calls(
                collect,
                _restored(call_log, unfinished),
                past,
                assumption,
                visibility=company.visibility,
                has_pipelines=_has_pipelines(landing),
            )
            for assumption in _assumptions(landing, call_log)
        ]
        cost = forecast(pace, opening.asked, possible)
        lasting = None if budget is None else _days(budget, opening.asked, cost)
        ways.append(Way(collect, cost, lasting, unfinished.draft.snapshot_id if unfinished else None))
    return Outlook(
        company=company.name,
        called=owner.company_name or str(owner.company_id),
        users=len(call_log.users()),
        roles=_count(call_log, Endpoint.ROLES),
        permission_sets=_count(call_log, Endpoint.PERMISSION_SETS),
        pace=pace,
        budget=budget,
        ways=tuple(ways),
        collect=company.collect,
        visibility=company.visibility,
    )


class _Opening:
    """Measures the calls that a client makes in sequence."""

    def __init__(self, client: Pipedrive) -> None:
        self.asked: list[Asked] = []
        self._client = client
        self._stats = client.stats
        self._began = time.monotonic()

    def lap(self, endpoint: Endpoint) -> None:
        """Record the requests and the time since the last call of this method."""
        stats, now = self._client.stats, time.monotonic()
        requests, waited = stats.requests - self._stats.requests, stats.waited - self._stats.waited
        self.asked.append(Asked(endpoint, requests, max(0.0, now - self._began - waited)))
        self._stats, self._began = stats, now


def _refuse_without_all(landing: CompanyLanding, users: list[Answer]) -> None:
    refuse_without_users(landing, users)
    if users[-1].outcome is not Outcome.ANSWERED:
        raise IncompleteError(f"The list of users was not answered in full: {users[-1].problem}")


def _assumptions(landing: CompanyLanding, call_log: CallLog) -> set[Assumption]:
    """Return the assumptions that are possible for this company.

    The last snapshot that requested the members of a role shows whether Pipedrive lists them. Before the
    first one, the vendor's documentation is trusted; but a Pipedrive without permission sets may not
    list members either.
    """
    for manifest in landing.newest_first():
        members = manifest.coverage.get(Endpoint.ROLE_MEMBERS)
        if manifest.accepted and members:
            return {Assumption.AS_BEFORE if members.answered else Assumption.NO_MEMBERS, Assumption.WORST}
    documented = call_log.offered(Endpoint.PERMISSION_SETS)
    return {Assumption.AS_BEFORE, Assumption.WORST} if documented else set(Assumption)


def _has_pipelines(landing: CompanyLanding) -> bool:
    """Whether this Pipedrive says which pipelines a role sees, according to the last snapshot that asked."""
    for manifest in landing.newest_first():
        asked = manifest.coverage.get(Endpoint.ROLE_PIPELINES)
        if manifest.accepted and asked:
            return asked.answered + asked.failed > 0
    return True


def _restored(call_log: CallLog, unfinished: Snapshot | None) -> CallLog:
    """Return a call log with the same lists and the answers of the interrupted run."""
    restored = CallLog(listed=dict(call_log.listed))
    for answer in answers_of(unfinished) if unfinished else ():
        restored.note(answer)
    return restored


def _count(call_log: CallLog, endpoint: Endpoint) -> int | None:
    return len(call_log.ids(endpoint)) if call_log.offered(endpoint) else None


def _days(budget: Budget, opening: list[Asked], cost: Forecast) -> Days:
    lists = Counter[Endpoint]()
    for asked in opening:
        lists[asked.endpoint] += asked.requests
    per_day = counted(budget, lists.total(), price(lists))
    least = counted(budget, cost.requests.least, cost.tokens.least)
    most = counted(budget, cost.requests.most, cost.tokens.most)
    return days(budget, least, per_day), days(budget, most, per_day)
