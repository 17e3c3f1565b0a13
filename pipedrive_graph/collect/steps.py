"""The calls after the lists: details, and proofs that unlisted subjects are gone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from pipedrive_graph.collect.call_log import CallLog
from pipedrive_graph.collect.derived import recall
from pipedrive_graph.collect.plan import Ask, assignments, contents, every_user, members, permissions
from pipedrive_graph.collect.sampling import Sampling, Schedule, representatives, unconfirmed
from pipedrive_graph.collect.visibility import ask_visibility
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.landing import CompanyLanding, KnownIds
from pipedrive_graph.landing.records import ObservationState
from pipedrive_graph.landing.seed import SEED_BYTES
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint


@dataclass(frozen=True, slots=True)
class Past:
    """The state that earlier snapshots left.

    Attributes:
        known: the users, roles and permission sets that existed.
        memory: when each user was observed, and under which access.
        schedule: the time of this run and of the one before.
    """

    known: KnownIds
    memory: ObservationState
    schedule: Schedule


def past_of(
    company: Company,
    landing: CompanyLanding,
    as_of: datetime,
    seed: bytes | None,
    *,
    on_warning: Callable[[str], None] = lambda _: None,
    repair: bool = False,
) -> Past:
    """Return the state that a company's snapshots leave to a run at a given time.

    Args:
        company: its settings.
        landing: its snapshots.
        as_of: the time of the run.
        seed: the secret seed of the sampling; None draws a new one.
        on_warning: called with a sentence for each damaged file that is rebuilt.
        repair: write rebuilt files; otherwise nothing is written.

    Raises:
        LandingError: if a file must be rebuilt from answers that are damaged.
    """
    last = landing.latest(accepted=True)
    schedule = Schedule(
        as_of,
        last.started_at if last else None,
        company.observe_within,
        seed or secrets.token_bytes(SEED_BYTES),
    )
    known, memory = recall(landing, on_warning=on_warning, repair=repair)
    return Past(known, memory, schedule)


async def ask_details(
    collect: Collect,
    call_log: CallLog,
    past: Past,
    ask: Ask,
    on_warning: Callable[[str], None],
    *,
    visibility: bool = False,
) -> int:
    """Make the calls that follow the lists.

    Calls that do not depend on each other are made together: each round that waits for the one before adds
    a whole latency in which nothing is sent.

    Args:
        collect: the plan.
        call_log: holds the lists; `ask` records every answer in it.
        past: what earlier snapshots observed.
        ask: makes calls concurrently.
        on_warning: called with warnings for the operator.
        visibility: also request who can see what; last, because the day's budget may end before.

    Returns:
        The number of users whose permissions must be inferred.
    """
    asked: set[Call] = set()

    async def ask_until_nothing_is_new(wanted: Callable[[], Iterable[Call]]) -> None:
        while calls := [call for call in wanted() if call not in asked]:
            asked.update(calls)
            await ask(calls)

    def proofs() -> list[Call]:
        calls = unlisted(call_log, past.known)
        call_log.proofs.update(calls)
        return calls

    def everything() -> list[Call]:
        sets = sorted(call_log.ids(Endpoint.PERMISSION_SETS))
        return [*proofs(), *every_user(sorted(call_log.users()), sets)]

    inferred = 0
    if collect is Collect.EVERY_USER:
        await ask_until_nothing_is_new(everything)
    else:
        await ask_until_nothing_is_new(proofs)
        inferred = await _by_access(call_log, past.memory, past.schedule, ask, on_warning)
        await ask_until_nothing_is_new(proofs)
    if visibility:
        await ask_visibility(call_log, past.memory.pipelines, past.schedule.now, past.schedule.seed, ask)
    return inferred


def unlisted(call_log: CallLog, known: KnownIds) -> list[Call]:
    """Return a call for each user, role and permission set that is missing from its list.

    A subject is missing if an earlier run knew it, if it is in use, or if an interrupted part of this run
    requested its permissions. A list that was not answered in full proves nothing about roles and sets, so
    these are not requested. Only a 404 proves that a subject is gone.
    """
    users = {str(user) for user in known.users} | call_log.asked_about(Endpoint.PERMISSIONS)
    missing = {Endpoint.USER: users - call_log.ids(Endpoint.USERS)}
    if call_log.offered(Endpoint.ROLES):
        roles = {str(role) for role in known.roles} | call_log.roles_in_use()
        missing[Endpoint.ROLE] = roles - call_log.ids(Endpoint.ROLES)
    if call_log.offered(Endpoint.PERMISSION_SETS):
        sets = set(known.permission_sets) | call_log.permission_sets_in_use()
        missing[Endpoint.PERMISSION_SET] = sets - call_log.ids(Endpoint.PERMISSION_SETS)
    return [Call(endpoint, id=subject) for endpoint, ids in missing.items() for subject in sorted(ids)]


async def _by_access(
    call_log: CallLog,
    memory: ObservationState,
    schedule: Schedule,
    ask: Ask,
    on_warning: Callable[[str], None],
) -> int:
    """Request the contents of sets and the members of roles, then the permissions of a sample of users.

    Args:
        call_log: holds the lists; `ask` records every answer in it.
        memory: what earlier snapshots observed.
        schedule: the time of this run and of the one before.
        ask: makes the calls.
        on_warning: called with a sentence for each signature that nothing can be inferred for.

    Returns:
        The number of users whose permissions must be inferred.
    """
    roles = await _roles_with_members(call_log, ask)
    await ask([*contents(sorted(call_log.ids(Endpoint.PERMISSION_SETS))), *members(roles)])
    users = list(call_log.users().values())
    asked = (
        unconfirmed(users, call_log.members, memory) if roles else representatives(users, memory, schedule)
    )
    has_sets = call_log.offered(Endpoint.PERMISSION_SETS)
    known = memory.contents | call_log.contents
    sampling = Sampling(users, known, memory, schedule, sample=2 if has_sets else 1)
    await ask(
        [
            *(assignments(user) for user in asked),
            *(permissions(user) for user in sampling.next(call_log.flags)),
        ]
    )
    while wanted := sampling.next(call_log.flags):
        await ask(permissions(user) for user in wanted)
    for signature in sorted(sampling.whole):
        on_warning(_observed_in_full(sampling, signature))
    return sampling.inferred(call_log.flags)


async def _roles_with_members(call_log: CallLog, ask: Ask) -> list[int]:
    """Return the listed roles; empty if this Pipedrive does not list the members of a role.

    Some editions do not have that call, and some tokens may not make it. A single role may also have been
    deleted since it was listed, so two roles are tried.
    """
    roles = sorted(map(int, call_log.ids(Endpoint.ROLES))) if call_log.offered(Endpoint.ROLES) else []
    for call in members(roles[:2]):
        await ask([call])
        if call_log.outcomes[call] not in {Outcome.GONE, Outcome.REFUSED}:
            return roles
    call_log.unavailable.add(Endpoint.ROLE_MEMBERS)
    return []


def _observed_in_full(sampling: Sampling, signature: str) -> str:
    """Return the warning that all users of a signature are observed."""
    users = sorted(user for user, own in sampling.signatures.items() if own == signature)
    return (
        f"{len(users)} users with the same access, among them user {users[0]}, hold too many different"
        " permissions to infer any: all of them are observed."
    )
