"""One run of a collection, from the first call to the commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from pipedrive_graph.collect.acceptance import verdict
from pipedrive_graph.collect.call_log import LISTED, CallLog
from pipedrive_graph.collect.clock_check import check_clock
from pipedrive_graph.collect.plan import PAGE
from pipedrive_graph.collect.progress import Observer, Progress
from pipedrive_graph.collect.resume import identity_of, refuse_another_company, refuse_without_users, resumed
from pipedrive_graph.collect.steps import Past, ask_details, past_of
from pipedrive_graph.collect.stored_answers import SETTLED, answers_of, line_of
from pipedrive_graph.collect.unseen import contradictions
from pipedrive_graph.collect.visibility import VISIBILITY_LISTS
from pipedrive_graph.common import clock
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.errors import BudgetError, NoSpaceError
from pipedrive_graph.landing import CompanyLanding, Manifest, Mark, RemainingBudget, Snapshot
from pipedrive_graph.landing.seed import kept_seed
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import Me, Role

_log = logging.getLogger(__name__)


async def collect(
    company: Company,
    landing: CompanyLanding,
    *,
    observer: Observer,
    plan: Collect | None = None,
    accept_shrink: bool = False,
    journal: Mark | None = None,
) -> Manifest:
    """Read a company and commit the snapshot.

    Args:
        company: the company to read.
        landing: the company's snapshots.
        observer: receives progress and warnings.
        plan: which calls to make; by default the plan in the company's settings.
        accept_shrink: accept the snapshot although many users are gone.
        journal: the current end of the company's journal; the manifest records it, so that a lost journal
            is noticed.

    Returns:
        The manifest of the committed snapshot; its status may be `rejected`.

    Raises:
        ConfigurationError: if the token is not set.
        NotAuthorisedError: if the token is wrong, belongs to another company, or its owner is not an admin.
        UnreachableError, NotPipedriveError: if Pipedrive cannot be reached at the base URL.
        BusyError: if another process is collecting this company.
        IncompleteError: if Pipedrive stopped answering; the next run resumes.
        BudgetError: if only the reserve of the day's budget is left; a run on the next day resumes.
        ClockError: if this machine's clock is wrong, or the newest snapshot was taken with a wrong clock.
        LandingError: if answers cannot be stored.
    """
    async with AsyncExitStack() as stack:
        # A second run must fail at once, so the lock comes first. But for a company that was never read,
        # nothing is written, not even a lock, before its token is known to be valid.
        known = landing.storage.exists()
        if known:
            stack.enter_context(landing.lock())
        stack.enter_context(timed(_log, f"Collecting company '{company.name}'", announced=True))
        client = Pipedrive.of(company, on_warning=observer.warn)
        await stack.enter_async_context(client)
        me = await client.preflight()
        identity = identity_of(me.rows(Me)[0], company, plan or company.collect)
        refuse_another_company(landing, identity)
        endpoints = [*LISTED, *(VISIBILITY_LISTS if company.visibility else ())]
        lists = await asyncio.gather(*(_pages(client, endpoint) for endpoint in endpoints))
        refuse_without_users(landing, lists[0])
        check_clock(landing, client.server_time, observer.warn)
        if not known:
            stack.enter_context(landing.lock())
        unfinished = resumed(landing, identity, observer.warn)
        snapshot = unfinished or landing.start(identity)
        past = past_of(
            company,
            landing,
            snapshot.draft.started_at,
            kept_seed(landing.storage),
            on_warning=observer.warn,
            repair=True,
        )
        run = _Run(past, landing, client, observer, snapshot, company)
        stack.enter_context(_kept())
        if unfinished:
            run.restore(lists[list(LISTED).index(Endpoint.ROLES)])
            _log.debug(
                "Resuming snapshot %s of an earlier run with %d answers",
                snapshot.draft.snapshot_id,
                len(run.call_log.outcomes),
                extra={"snapshot_id": snapshot.draft.snapshot_id},
            )
        run.record_list(Endpoint.ME, [me])
        while lists:
            pages = lists.pop(0)
            run.record_list(pages[0].call.endpoint, pages)
        del pages  # frees the text of a large company
        try:
            await run.everything()
        except BudgetError as error:
            run.snapshot.postpone(error.continues_at)
            raise
        return await _in_a_thread(partial(run.commit, accept_shrink=accept_shrink, journal=journal))


async def _in_a_thread(commit: Callable[[], Manifest]) -> Manifest:
    """Commit in a thread, because compressing and syncing files would block the process's other companies.

    If this task is cancelled meanwhile, it waits until the commit has ended before the lock is released.
    """
    working = asyncio.create_task(asyncio.to_thread(commit))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


@contextmanager
def _kept() -> Iterator[None]:
    """Add to the message about a full disk that everything read so far is kept."""
    try:
        yield
    except NoSpaceError as error:
        raise NoSpaceError(f"{error} What was read so far is kept.") from error


@dataclass
class _Run:
    """The state of a collection after the lists were read."""

    past: Past
    landing: CompanyLanding
    client: Pipedrive
    observer: Observer
    snapshot: Snapshot
    company: Company
    inferred: int = 0
    call_log: CallLog = field(default_factory=CallLog)
    total: int = 0

    def restore(self, roles: Sequence[Answer]) -> None:
        """Take over the answers of an interrupted run.

        Answers about a role are not taken over if the role was added to the list meanwhile, or removed: for a
        listed role, its settings were requested, for any other, whether it exists. Nor are answers about who
        can see what, if that was switched off.
        """
        listed = {str(role.id) for page in roles for role in page.rows(Role)}

        def is_kept(line: Mapping[str, Any]) -> bool:
            endpoint, outcome = line["endpoint"], line["outcome"]
            if endpoint == Endpoint.ROLE and (outcome == Outcome.ANSWERED) != (line["asked"]["id"] in listed):
                return False
            if endpoint in (Endpoint.ROLE_PIPELINES, *VISIBILITY_LISTS) and not self.company.visibility:
                return False
            return outcome in SETTLED

        self.snapshot.trim(is_kept)
        for answer in answers_of(self.snapshot):
            self.call_log.note(answer)

    async def everything(self) -> None:
        """Make the calls of the plan, then the calls that prove who is gone."""
        for endpoint in (Endpoint.ROLES, Endpoint.PERMISSION_SETS):
            if self.call_log.listed[endpoint][-1].outcome is Outcome.REFUSED:
                self.observer.warn(
                    f"Pipedrive refuses {endpoint} to this token; data that only this list has stays unknown."
                )
        collect = Collect(self.snapshot.draft.identity.collect)
        self.inferred = await ask_details(
            collect,
            self.call_log,
            self.past,
            self.ask,
            self.observer.warn,
            visibility=self.company.visibility,
        )

    async def ask(self, calls: Iterable[Call]) -> None:
        """Make calls concurrently, except those that an interrupted run has answers to."""
        wanted, call_log = list(calls), self.call_log
        self.total += len(wanted)
        async for answer in self.client.fetch_all(call for call in wanted if call not in call_log.outcomes):
            self.record(answer)
        for call in [call for call in wanted if call in call_log.unread]:
            async for answer in self.client.pages(replace(call, start=call_log.unread[call])):
                self.record(answer)

    def record(self, answer: Answer) -> None:
        """Store the answer to a call by id."""
        self.snapshot.write(answer.call.endpoint, line_of(answer))
        self.call_log.note(answer)
        stats = self.client.stats
        self.observer.progress(
            Progress(
                done=len(self.call_log.outcomes),
                total=self.total,
                requests=stats.requests,
                throttled=stats.throttled,
                limit=stats.limit,
                window=stats.window,
            )
        )

    def record_list(self, endpoint: Endpoint, pages: list[Answer]) -> None:
        """Store all pages of a list, replacing those of an interrupted run."""
        self.snapshot.replace(endpoint, map(line_of, pages))
        if endpoint in LISTED:
            self.call_log.contradictions += contradictions(endpoint, pages)
        self.call_log.listed[endpoint] = [replace(page, text="") for page in pages]

    def commit(self, *, accept_shrink: bool, journal: Mark | None) -> Manifest:
        """Judge and commit the snapshot; if the clock is wrong by now, the snapshot stays a draft."""
        check_clock(self.landing, self.client.server_time)
        call_log, stats, draft = self.call_log, self.client.stats, self.snapshot.draft
        known = call_log.known(self.past.known)
        memory = call_log.memory(self.past.memory, known, draft.started_at)
        return self.snapshot.commit(
            Manifest(
                company=self.landing.company,
                snapshot_id=draft.snapshot_id,
                started_at=draft.started_at,
                finished_at=max(clock.now(), draft.started_at),
                verdict=verdict(call_log, self.past.known, self.landing, accept_shrink=accept_shrink),
                identity=draft.identity,
                users=len(known.users) if call_log.offered(Endpoint.USERS) else None,
                roles=len(known.roles) if call_log.offered(Endpoint.ROLES) else None,
                observed=sum(flags is not None for flags in call_log.flags.values()),
                inferred=self.inferred,
                requests=stats.requests,
                throttled=stats.throttled,
                waited=round(stats.waited, 3),
                budget=_left(self.client),
                coverage=call_log.coverage(),
                files=self.snapshot.pack(known, memory),
                previous=self.landing.latest_digest(),
                journal=journal,
                visibility=self.company.visibility,
                plan=self.company.plan,
            )
        )


async def _pages(client: Pipedrive, endpoint: Endpoint) -> list[Answer]:
    """Return all pages of a list."""
    return [page async for page in client.pages(Call(endpoint, limit=PAGE))]


def _left(client: Pipedrive) -> RemainingBudget | None:
    budget = client.budget
    return None if budget is None else RemainingBudget(**asdict(budget))
