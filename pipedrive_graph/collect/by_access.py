"""Collects a company from its permission sets and roles, and observes as many users as that takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from pipedrive_graph.collect.call_log import Ledger
from pipedrive_graph.collect.plan import assignments, contents, members, permissions
from pipedrive_graph.collect.sampling import Sampling, Schedule, representatives, unconfirmed
from pipedrive_graph.landing.records import Memory
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint

Ask = Callable[[Iterable[Call]], Awaitable[None]]
"""Makes calls, and notes their answers in the ledger."""


async def by_access(
    ledger: Ledger, memory: Memory, schedule: Schedule, ask: Ask, warn: Callable[[str], None]
) -> int:
    """Ask what sets grant and who is in the roles, then for the permissions of some users.

    Args:
        ledger: has the lists, and is told of every answer by `ask`.
        memory: what earlier nights observed.
        schedule: when this read is.
        ask: makes the calls.
        warn: told where inference is given up.

    Returns:
        How many users are left to inference.
    """
    roles = await _roles_that_tell_their_members(ledger, ask)
    await ask([*contents(sorted(ledger.ids(Endpoint.PERMISSION_SETS))), *members(roles)])
    users = list(ledger.users().values())
    asked = unconfirmed(users, ledger.members, memory) if roles else representatives(users, memory, schedule)
    has_sets = ledger.offered(Endpoint.PERMISSION_SETS)
    known = memory.contents | ledger.contents
    sampling = Sampling(users, known, memory, schedule, sample=2 if has_sets else 1)
    await ask(
        [
            *(assignments(user) for user in asked),
            *(permissions(user) for user in sampling.next(ledger.flags)),
        ]
    )
    while wanted := sampling.next(ledger.flags):
        await ask(permissions(user) for user in wanted)
    for signature in sorted(sampling.whole):
        warn(_given_up(sampling, signature))
    return sampling.inferred(ledger.flags)


async def _roles_that_tell_their_members(ledger: Ledger, ask: Ask) -> list[int]:
    """Return the listed roles; none where it shows that this Pipedrive does not tell who is in a role.

    Not every edition has that call, and not every token may make it. A role may also have gone since it
    was listed, so two are tried.
    """
    roles = sorted(map(int, ledger.ids(Endpoint.ROLES))) if ledger.offered(Endpoint.ROLES) else []
    for call in members(roles[:2]):
        await ask([call])
        if ledger.outcomes[call] not in {Outcome.GONE, Outcome.REFUSED}:
            return roles
    ledger.unoffered.add(Endpoint.ROLE_MEMBERS)
    return []


def _given_up(sampling: Sampling, signature: str) -> str:
    """Say of whom everybody is observed."""
    of_it = sorted(user for user, own in sampling.signatures.items() if own == signature)
    return (
        f"{len(of_it)} users with the same access, user {of_it[0]} among them, hold too many different"
        " permissions to infer any: all of them are observed."
    )
