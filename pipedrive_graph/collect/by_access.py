"""The plan `by-access`: reads all permission sets and roles, and the permissions of a sample of users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from pipedrive_graph.collect.call_log import CallLog
from pipedrive_graph.collect.plan import assignments, contents, members, permissions
from pipedrive_graph.collect.sampling import Sampling, Schedule, representatives, unconfirmed
from pipedrive_graph.landing.records import ObservationState
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint

Ask = Callable[[Iterable[Call]], Awaitable[None]]
"""Makes calls, and records their answers in the call log."""


async def by_access(
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
