"""Finds out with a few calls what collecting a company takes, in each way; no snapshot is touched."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pipedrive_graph.collect.call_log import LISTED, Ledger
from pipedrive_graph.collect.estimate.dry_run import Supposing, rehearse
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
from pipedrive_graph.collect.resuming import answers_of
from pipedrive_graph.collect.steps import past_of
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
"""At least and at most; None where a collection never ends: a day does not even suffice for its lists."""


@dataclass(frozen=True, slots=True)
class Way:
    """What one way of collecting a company takes.

    Attributes:
        collect: the way.
        forecast: what it takes.
        days: on how many days' budgets it draws, at least and at most; None where no budget is known.
        resumes: id of the snapshot that was cut off and would be finished; None for a new one.
    """

    collect: Collect
    forecast: Forecast
    days: Days | None
    resumes: str | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What collecting a company takes.

    Attributes:
        company: its name in the settings.
        called: its name in Pipedrive.
        users: how many are listed.
        roles, permission_sets: how many are listed; None where the token is not shown the list.
        pace: how fast the server is.
        budget: what is left of the day, after the survey; None where the server does not count.
        ways: what each way takes.
        collect: the way that is set.
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

    @property
    def recommended(self) -> Way:
        """The way that observes most of those that today's budget suffices for, else the soonest done."""

        def nights(way: Way) -> float:
            expected = 1 if way.days is None else way.days[0]
            return math.inf if expected is None else expected

        return min(self.ways, key=nights)


async def survey(company: Company, landing: CompanyLanding, *, warn: Callable[[str], None]) -> Outlook:
    """Ask who is there, and say what collecting the company takes.

    Four lists are read, with a call each: the token's owner, users, roles and permission sets. Where
    Pipedrive gives a list by pages, it is read to its end, a call per 500 rows: nothing else tells how many
    there are.

    What is said is said of a run that begins now: whose turn it is to be observed depends on the time.

    Args:
        company: whom to collect.
        landing: where its snapshots lie.
        warn: told what a person should know.

    Raises:
        PipedriveGraphError: as `collect` does, but for what is about writing.
    """
    client = Pipedrive.of(company, warn=warn)
    ledger = Ledger()
    async with client:
        opening = _Opening(client)
        me = await client.preflight()
        owner = me.rows(Me)[0]
        refuse_another_company(landing, identity_of(owner, company, company.collect))
        opening.lap(Endpoint.ME)
        for endpoint in LISTED:
            ledger.listed[endpoint] = [page async for page in client.pages(Call(endpoint, limit=PAGE))]
            opening.lap(endpoint)
            if endpoint is Endpoint.USERS:
                _refuse_without_all(landing, ledger.listed[endpoint])
        stats, budget = client.stats, client.budget
    latency, connecting = measured(opening.asked)
    pace = Pace(stats.limit, stats.limit_told, stats.own, stats.window, latency, connecting)
    ways = []
    for collect in Collect:
        unfinished = drafts_of(landing, identity_of(owner, company, collect)).resumable
        as_of = unfinished.draft.started_at if unfinished else clock.now()
        past = past_of(company, landing, as_of, read_seed(landing.storage))
        possible = [
            await rehearse(collect, _restored(ledger, unfinished), past, supposing)
            for supposing in _suppositions(landing, ledger)
        ]
        told = forecast(pace, opening.asked, possible)
        lasting = None if budget is None else _days(budget, opening.asked, told)
        ways.append(Way(collect, told, lasting, unfinished.draft.snapshot_id if unfinished else None))
    return Outlook(
        company=company.name,
        called=owner.company_name or str(owner.company_id),
        users=len(ledger.users()),
        roles=_count(ledger, Endpoint.ROLES),
        permission_sets=_count(ledger, Endpoint.PERMISSION_SETS),
        pace=pace,
        budget=budget,
        ways=tuple(ways),
        collect=company.collect,
    )


class _Opening:
    """Measures the calls that a client makes one after the other."""

    def __init__(self, client: Pipedrive) -> None:
        self.asked: list[Asked] = []
        self._client = client
        self._stats = client.stats
        self._began = time.monotonic()

    def lap(self, endpoint: Endpoint) -> None:
        """Note what was asked for since the last one."""
        stats, now = self._client.stats, time.monotonic()
        requests, waited = stats.requests - self._stats.requests, stats.waited - self._stats.waited
        self.asked.append(Asked(endpoint, requests, max(0.0, now - self._began - waited)))
        self._stats, self._began = stats, now


def _refuse_without_all(landing: CompanyLanding, users: list[Answer]) -> None:
    refuse_without_users(landing, users)
    if users[-1].outcome is not Outcome.ANSWERED:
        raise IncompleteError(f"The list of users was not answered in full: {users[-1].problem}")


def _suppositions(landing: CompanyLanding, ledger: Ledger) -> set[Supposing]:
    """Return what is possible.

    Whether roles tell their members shows in the last snapshot that asked. Before the first one they are
    supposed to, as the vendor documents it; but where it shows no permission sets, it may not show these.
    """
    for manifest in landing.newest_first():
        members = manifest.coverage.get(Endpoint.ROLE_MEMBERS)
        if manifest.accepted and members:
            return {Supposing.AS_BEFORE if members.answered else Supposing.NO_MEMBERS, Supposing.WORST}
    documented = ledger.offered(Endpoint.PERMISSION_SETS)
    return {Supposing.AS_BEFORE, Supposing.WORST} if documented else set(Supposing)


def _restored(ledger: Ledger, unfinished: Snapshot | None) -> Ledger:
    """Return a ledger with the same lists, and the answers that were left behind."""
    restored = Ledger(listed=dict(ledger.listed))
    for answer in answers_of(unfinished) if unfinished else ():
        restored.note(answer)
    return restored


def _count(ledger: Ledger, endpoint: Endpoint) -> int | None:
    return len(ledger.ids(endpoint)) if ledger.offered(endpoint) else None


def _days(budget: Budget, opening: list[Asked], told: Forecast) -> Days:
    lists = Counter[Endpoint]()
    for asked in opening:
        lists[asked.endpoint] += asked.requests
    anew = counted(budget, lists.total(), price(lists))
    least = counted(budget, told.requests.least, told.tokens.least)
    most = counted(budget, told.requests.most, told.tokens.most)
    return days(budget, least, anew), days(budget, most, anew)
