"""Collects a company from its permission sets and roles, and observes as many users as that takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from pipedrive_graph.collect.ledger import Ledger
from pipedrive_graph.pipedrive.by_access import Sampling, Schedule, representatives, unconfirmed
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.plan import assignments, contents, members, permissions
from pipedrive_graph.pipedrive.signature import Memory

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
    has_roles = ledger.offered(Endpoint.ROLES)
    has_sets = ledger.offered(Endpoint.PERMISSION_SETS)
    roles = sorted(map(int, ledger.ids(Endpoint.ROLES))) if has_roles else []
    await ask([*contents(sorted(ledger.ids(Endpoint.PERMISSION_SETS))), *members(roles)])
    users = list(ledger.users().values())
    if has_roles:
        asked = unconfirmed(users, ledger.members, memory)
    else:
        asked = representatives(users, memory, schedule)
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


def _given_up(sampling: Sampling, signature: str) -> str:
    """Say of whom everybody is observed."""
    of_it = sorted(user for user, own in sampling.signatures.items() if own == signature)
    return (
        f"{len(of_it)} users with the same access, user {of_it[0]} among them, hold too many different"
        " permissions to infer any: all of them are observed."
    )
