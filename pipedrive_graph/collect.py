"""Collects one company: runs the plan, writes every answer down as it comes, resumes what was cut off.

The end is a committed snapshot: complete; partial, where nothing is concluded from what is missing; or
rejected, where too little came back to be trusted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from pipedrive_graph import __version__, clock
from pipedrive_graph.errors import NotAuthorisedError
from pipedrive_graph.landing import CompanyLanding, Coverage, Identity, Known, Manifest, Snapshot, Verdict
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.plan import Collect, every_user
from pipedrive_graph.pipedrive.reading import read
from pipedrive_graph.pipedrive.records import Me, PermissionSet, Role, RoleAssignment, User
from pipedrive_graph.settings import Company

RESUME_WITHIN = timedelta(hours=6)
"""An unfinished snapshot older than this is begun anew: its answers no longer fit together."""

ACCEPTED_SHARE = 0.95
"""A snapshot with a smaller share of its details answered is rejected."""

SHRINK_SHARE, SHRINK_COUNT = 0.20, 5
"""More than this share, and at least this count, of the known users gone needs a person's word."""

PAGE = 500
"""The largest page that Pipedrive's lists give."""

LISTED: dict[Endpoint, type[User | Role | PermissionSet]] = {
    Endpoint.USERS: User,
    Endpoint.ROLES: Role,
    Endpoint.PERMISSION_SETS: PermissionSet,
}
"""The lists, and the records in them."""

DETAILS = (
    Endpoint.USER,
    Endpoint.ROLE,
    Endpoint.PERMISSION_SET,
    Endpoint.ROLE_ASSIGNMENTS,
    Endpoint.PERMISSIONS,
)
"""Calls by id."""

SETTLED = {Outcome.ANSWERED, Outcome.GONE, Outcome.REFUSED}
"""Outcomes that a resumed run does not ask for again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a collection is, in calls, and how fast: `limit` requests are allowed in `window` seconds."""

    done: int
    total: int
    requests: int
    throttled: int
    limit: int
    window: float


class Observer(Protocol):
    """Who is told how a run goes: a progress bar, or a log."""

    def progress(self, progress: Progress) -> None:
        """Told after every answer."""

    def warn(self, sentence: str) -> None:
        """Told what a person should know, although the run goes on."""


async def collect(
    company: Company,
    landing: CompanyLanding,
    *,
    observer: Observer,
    plan: Collect = Collect.EVERY_USER,
    accept_shrink: bool = False,
) -> Manifest:
    """Read a company once, and commit the snapshot.

    Args:
        company: whom to read.
        landing: where its snapshots lie.
        observer: who is told how it goes.
        plan: which calls to make.
        accept_shrink: take the snapshot although many users are gone.

    Returns:
        The manifest of the committed snapshot; its status may be `rejected`.

    Raises:
        ConfigurationError: if the token is not set.
        NotAuthorisedError: if the token is wrong, belongs to another company, or its owner is no admin.
        UnreachableError, NotPipedriveError: if Pipedrive is not there.
        BusyError: if another process collects this company.
        IncompleteError: if Pipedrive stopped answering; the next run resumes.
        LandingError: if answers cannot be written down.
    """
    async with Pipedrive(company.base_url, company.token(), warn=observer.warn) as client:
        me = await client.preflight()
        owner = me.rows(Me)[0]
        with landing.lock():
            identity = Identity(
                collect=plan,
                base_url=company.base_url,
                company_id=owner.company_id,
                token_owner=owner.id,
                version=__version__,
            )
            _refuse_another_company(landing, identity)
            users = [page async for page in client.pages(Call(Endpoint.USERS, limit=PAGE))]
            if users[0].outcome is Outcome.REFUSED:
                raise NotAuthorisedError(
                    f"The token of company '{landing.company}' may not list its users; "
                    "use the token of a Pipedrive admin."
                )
            resumed = _resumed(landing, identity)
            run = _Run(landing, client, observer, resumed or landing.start(identity))
            if resumed:
                resumed.trim(SETTLED)
                run.restore()
            run.record_list(Endpoint.ME, [me])
            run.record_list(Endpoint.USERS, users)
            await run.everything()
            return run.commit(accept_shrink=accept_shrink)


@dataclass
class _Run:
    """One collection: which calls were made, and how they ended."""

    landing: CompanyLanding
    client: Pipedrive
    observer: Observer
    snapshot: Snapshot
    listed: dict[Endpoint, list[Answer]] = field(default_factory=dict)
    outcomes: dict[Call, Outcome] = field(default_factory=dict)
    """How every call by id ended."""
    proofs: set[Call] = field(default_factory=set)
    """Calls for what is no longer listed: there, a 404 is the answer that was wanted."""
    unread: dict[Call, int] = field(default_factory=dict)
    """Where the next page of a call starts that has one."""
    assigned: set[int] = field(default_factory=set)
    """Roles that somebody is assigned to."""
    total: int = 0

    async def everything(self) -> None:
        """Make the calls of the plan, then those that prove who is gone."""
        for endpoint in (Endpoint.ROLES, Endpoint.PERMISSION_SETS):
            pages = [page async for page in self.client.pages(Call(endpoint, limit=PAGE))]
            self.record_list(endpoint, pages)
        before = self.landing.known()
        users, sets = self.ids(Endpoint.USERS), self.ids(Endpoint.PERMISSION_SETS)
        await self.prove(Endpoint.USER, {str(user) for user in before.users} - users)
        users |= self.existing(Endpoint.USER)
        await self.ask(every_user(sorted(map(int, users)), sorted(sets)))
        await self.prove_unlisted(before)

    async def prove_unlisted(self, before: Known) -> None:
        """Ask for roles and sets that were there, or that somebody has, and that are not listed."""
        holders = [user for page in self.listed[Endpoint.USERS] for user in page.rows(User)]
        if self.offered(Endpoint.ROLES):
            roles = {str(role) for role in before.roles}
            roles |= {str(user.role_id) for user in holders if user.role_id is not None}
            roles |= {str(role) for role in self.assigned}
            await self.prove(Endpoint.ROLE, roles - self.ids(Endpoint.ROLES))
        if self.offered(Endpoint.PERMISSION_SETS):
            sets = set(before.permission_sets)
            sets |= {
                a.permission_set_id for user in holders for a in user.access or [] if a.permission_set_id
            }
            await self.prove(Endpoint.PERMISSION_SET, sets - self.ids(Endpoint.PERMISSION_SETS))

    async def prove(self, endpoint: Endpoint, ids: set[str]) -> None:
        """Ask by id for what is not listed: only a 404 proves it gone."""
        calls = [Call(endpoint, id=subject) for subject in sorted(ids)]
        self.proofs.update(calls)
        await self.ask(calls)

    async def ask(self, calls: Iterable[Call]) -> None:
        """Make calls concurrently, but for those that an earlier run has answers to."""
        wanted = list(calls)
        self.total += len(wanted)
        async for answer in self.client.fetch_all(call for call in wanted if call not in self.outcomes):
            self.record(answer)
        for call in [call for call in wanted if call in self.unread]:
            async for answer in self.client.pages(replace(call, start=self.unread[call])):
                self.record(answer)

    def record(self, answer: Answer) -> None:
        """Write an answer to a call by id down."""
        self.snapshot.write(answer)
        self.note(answer)
        stats = self.client.stats
        self.observer.progress(
            Progress(
                done=len(self.outcomes),
                total=self.total,
                requests=stats.requests,
                throttled=stats.throttled,
                limit=stats.limit,
                window=stats.window,
            )
        )

    def note(self, answer: Answer) -> None:
        """Remember how a call ended; of a paged one, a page that failed fails it."""
        call = replace(answer.call, start=None)
        worst = {self.outcomes.get(call, answer.outcome), answer.outcome} - {Outcome.ANSWERED}
        self.outcomes[call] = worst.pop() if worst else Outcome.ANSWERED
        self.unread.pop(call, None)
        if answer.next_start is not None:
            self.unread[call] = answer.next_start
        if call.endpoint is Endpoint.ROLE_ASSIGNMENTS:
            self.assigned |= {row.role_id for row in answer.rows(RoleAssignment)}

    def restore(self) -> None:
        """Remember the answers of an earlier run that was cut off."""
        for endpoint in DETAILS:
            for line in self.snapshot.lines(endpoint):
                call = Call(endpoint, **line["asked"])
                reading = read(call, line["answer"]) if line["outcome"] == Outcome.ANSWERED else None
                self.note(
                    Answer(
                        call,
                        Outcome(line["outcome"]),
                        line["status"],
                        datetime.fromisoformat(line["at"]),
                        text="",
                        data=reading.data if reading else None,
                        next_start=reading.next_start if reading else None,
                    )
                )

    def record_list(self, endpoint: Endpoint, pages: list[Answer]) -> None:
        """Write all pages of a list down, in place of those of an earlier run."""
        self.snapshot.replace(endpoint, pages)
        self.listed[endpoint] = pages
        if pages[-1].outcome is Outcome.REFUSED:
            self.observer.warn(
                f"Pipedrive refuses {endpoint} to this token; what only that list tells stays unknown."
            )

    def offered(self, endpoint: Endpoint) -> bool:
        """Whether a list was answered in full."""
        return all(page.outcome is Outcome.ANSWERED for page in self.listed[endpoint])

    def ids(self, endpoint: Endpoint) -> set[str]:
        """The ids in a list."""
        return {str(record.id) for page in self.listed[endpoint] for record in page.rows(LISTED[endpoint])}

    def existing(self, endpoint: Endpoint) -> set[str]:
        """The ids that were asked for because they are not listed, and are there all the same."""
        return {
            str(call.id)
            for call in self.proofs
            if call.endpoint is endpoint and self.outcomes[call] is Outcome.ANSWERED
        }

    def commit(self, *, accept_shrink: bool) -> Manifest:
        """Judge the snapshot, and commit it."""
        verdict = self.verdict(accept_shrink=accept_shrink)
        stats, draft = self.client.stats, self.snapshot.draft
        users = len(self.ids(Endpoint.USERS) | self.existing(Endpoint.USER))
        return self.snapshot.commit(
            Manifest(
                company=self.landing.company,
                snapshot_id=draft.snapshot_id,
                started_at=draft.started_at,
                finished_at=max(clock.now(), draft.started_at),
                verdict=verdict,
                identity=draft.identity,
                users=users if self.offered(Endpoint.USERS) else None,
                roles=len(self.ids(Endpoint.ROLES)) if self.offered(Endpoint.ROLES) else None,
                requests=stats.requests,
                throttled=stats.throttled,
                waited=round(stats.waited, 3),
                coverage=self.coverage(),
                files=self.snapshot.pack(self.known()),
                previous=self.landing.latest_digest(),
            )
        )

    def verdict(self, *, accept_shrink: bool) -> Verdict:
        """Whether the snapshot is complete, partial or rejected, and why."""
        if not self.offered(Endpoint.USERS):
            problem = self.listed[Endpoint.USERS][-1].problem
            return Verdict(status="rejected", reason=f"The list of users was not answered in full: {problem}")
        missing = [call for call in self.outcomes if not self.settled(call)]
        share = 1 - len(missing) / len(self.outcomes) if self.outcomes else 1.0
        told = f"{len(missing)} of {len(self.outcomes)} calls about single subjects were not answered"
        if share < ACCEPTED_SHARE:
            return Verdict(status="rejected", reason=f"{told}; at least {ACCEPTED_SHARE:.0%} are needed.")
        before = len(self.landing.known().users)
        gone = sum(c.endpoint is Endpoint.USER and o is Outcome.GONE for c, o in self.outcomes.items())
        if gone >= SHRINK_COUNT and gone > SHRINK_SHARE * before and not accept_shrink:
            reason = f"{gone} of the {before} known users are gone since the last snapshot."
            return Verdict(status="rejected", reason=reason, shrunk=True)
        reasons = [f"{told}."] if missing else []
        reasons += [
            f"The list {endpoint} was not answered: {self.listed[endpoint][-1].problem}"
            for endpoint in (Endpoint.ROLES, Endpoint.PERMISSION_SETS)
            if not self.offered(endpoint) and not self.never_offered(endpoint)
        ]
        return Verdict(status="partial", reason=" ".join(reasons)) if reasons else Verdict(status="complete")

    def settled(self, call: Call) -> bool:
        """Whether a call by id was answered, be it with the proof that its subject is gone."""
        outcome = self.outcomes[call]
        return outcome is Outcome.ANSWERED or (outcome is Outcome.GONE and call in self.proofs)

    def never_offered(self, endpoint: Endpoint) -> bool:
        """Whether this company's Pipedrive has no such list, or never showed it to this token."""
        if self.listed[endpoint][-1].outcome is Outcome.FAILED:
            return False
        earlier = [m.coverage.get(endpoint) for m in self.landing.manifests() if m.accepted]
        return not any(coverage and coverage.answered for coverage in earlier)

    def coverage(self) -> dict[str, Coverage]:
        """How the calls of each endpoint ended."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for endpoint, pages in self.listed.items():
            counts[endpoint].update(str(page.outcome) for page in pages)
        for call, outcome in self.outcomes.items():
            counts[call.endpoint][str(outcome)] += 1
        return {
            str(endpoint): Coverage(asked=ended.total(), **ended)
            for endpoint, ended in sorted(counts.items())
        }

    def known(self) -> Known:
        """Who is there as far as this snapshot proves: listed, or asked for and not proven gone."""
        before = self.landing.known()

        def remaining(listing: Endpoint, single: Endpoint, earlier: Iterable[object]) -> set[str]:
            ids = self.ids(listing) | ({str(i) for i in earlier} if not self.offered(listing) else set())
            asked = {call: outcome for call, outcome in self.outcomes.items() if call.endpoint is single}
            return ids | {str(call.id) for call, outcome in asked.items() if outcome is not Outcome.GONE}

        users = remaining(Endpoint.USERS, Endpoint.USER, before.users)
        roles = remaining(Endpoint.ROLES, Endpoint.ROLE, before.roles)
        sets = remaining(Endpoint.PERMISSION_SETS, Endpoint.PERMISSION_SET, before.permission_sets)
        return Known(
            users=sorted(map(int, users)), roles=sorted(map(int, roles)), permission_sets=sorted(sets)
        )


def _refuse_another_company(landing: CompanyLanding, identity: Identity) -> None:
    newest = landing.latest()
    if newest and newest.identity.company_id != identity.company_id:
        raise NotAuthorisedError(
            f"The token belongs to Pipedrive company {identity.company_id}, but the snapshots of "
            f"'{landing.company}' are of company {newest.identity.company_id}: nothing was changed. "
            "Set the right token, or another company name."
        )


def _resumed(landing: CompanyLanding, identity: Identity) -> Snapshot | None:
    """The newest unfinished snapshot, if it may be finished; any other is abandoned."""
    resumable = None
    for snapshot in landing.unfinished():
        age = clock.now() - snapshot.draft.started_at
        if snapshot.draft.identity != identity:
            snapshot.abandon("begun with another token, base URL, plan or version")
        elif not timedelta() <= age <= RESUME_WITHIN:
            snapshot.abandon(f"older than {RESUME_WITHIN}")
        else:
            if resumable:
                resumable.abandon("a newer one was begun")
            resumable = snapshot
    return resumable
