"""The calls that follow the lists: details, and proofs of what is missing from its list."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from pipedrive_graph.collect.by_access import Ask, by_access
from pipedrive_graph.collect.call_log import Ledger
from pipedrive_graph.collect.derived import recall
from pipedrive_graph.collect.plan import every_user
from pipedrive_graph.collect.sampling import Schedule
from pipedrive_graph.config.company import Collect, Company
from pipedrive_graph.landing import CompanyLanding, Known
from pipedrive_graph.landing.records import Memory
from pipedrive_graph.landing.seed import SEED_BYTES
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier nights tell.

    Attributes:
        known: who was there.
        memory: who was observed when, and under which access.
        schedule: when this read is, and when the last one was.
    """

    known: Known
    memory: Memory
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
    """Return what the snapshots of a company say to a read of that time.

    Args:
        company: its settings.
        landing: its snapshots.
        as_of: when the read is.
        seed: the secret from which it is drawn who is observed; where it is None, another one is drawn.
        on_warning: called with a sentence for each file that is damaged and made again.
        repair: write such a file again; nothing is written otherwise.

    Raises:
        LandingError: if answers are damaged from which a file has to be made again.
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
    collect: Collect, ledger: Ledger, past: Past, ask: Ask, warn: Callable[[str], None]
) -> int:
    """Make the calls that follow the lists.

    Calls that need no answer of each other are made together: each round of calls that waits for the
    one before costs a whole latency, in which nothing is sent.

    Args:
        collect: in which way.
        ledger: has the lists, and is told of every answer by `ask`.
        past: what earlier nights tell.
        ask: makes calls at once.
        warn: told what a person should know.

    Returns:
        How many users are left to inference.
    """
    asked: set[Call] = set()

    async def ask_until_nothing_is_new(wanted: Callable[[], Iterable[Call]]) -> None:
        while calls := [call for call in wanted() if call not in asked]:
            asked.update(calls)
            await ask(calls)

    def proofs() -> list[Call]:
        calls = unlisted(ledger, past.known)
        ledger.proofs.update(calls)
        return calls

    def everything() -> list[Call]:
        sets = sorted(ledger.ids(Endpoint.PERMISSION_SETS))
        return [*proofs(), *every_user(sorted(ledger.users()), sets)]

    if collect is Collect.EVERY_USER:
        await ask_until_nothing_is_new(everything)
        return 0
    await ask_until_nothing_is_new(proofs)
    inferred = await by_access(ledger, past.memory, past.schedule, ask, warn)
    await ask_until_nothing_is_new(proofs)
    return inferred


def unlisted(ledger: Ledger, known: Known) -> list[Call]:
    """Return a call for each user, role and permission set that is missing from its list.

    Those are missing that an earlier read knew, that are in use, or whose permissions an earlier part of
    this very read asked for. A list that was not answered in full misses nobody, unless it is that of the
    users. Only a 404 proves what is missing gone.
    """
    users = {str(user) for user in known.users} | ledger.asked_about(Endpoint.PERMISSIONS)
    missing = {Endpoint.USER: users - ledger.ids(Endpoint.USERS)}
    if ledger.offered(Endpoint.ROLES):
        roles = {str(role) for role in known.roles} | ledger.roles_in_use()
        missing[Endpoint.ROLE] = roles - ledger.ids(Endpoint.ROLES)
    if ledger.offered(Endpoint.PERMISSION_SETS):
        sets = set(known.permission_sets) | ledger.permission_sets_in_use()
        missing[Endpoint.PERMISSION_SET] = sets - ledger.ids(Endpoint.PERMISSION_SETS)
    return [Call(endpoint, id=subject) for endpoint, ids in missing.items() for subject in sorted(ids)]
