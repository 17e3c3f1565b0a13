"""Goes through a collection without asking anybody: which calls it makes if all is well, and at worst."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from pipedrive_graph.collect.call_log import Ledger
from pipedrive_graph.collect.plan import PAGE
from pipedrive_graph.collect.sampling import commonest
from pipedrive_graph.collect.signatures import signature_of
from pipedrive_graph.collect.steps import Past, ask_details
from pipedrive_graph.config.company import Collect
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import Role, User

_AGREED = "as the others"
"""Stands for the permissions of a signature of which nobody was ever observed."""


class Supposing(Enum):
    """What the calls are supposed to tell."""

    AS_BEFORE = "as before"
    """Who is no longer listed is gone; users with the same access hold the same, but for those who were
    seen not to; everybody is in the role that their own record names."""
    NO_MEMBERS = "no members"
    """The same, but this Pipedrive does not tell who is in a role."""
    WORST = "worst"
    """Who is no longer listed is there; no two users hold the same; nobody is in the role of their record."""


async def rehearse(collect: Collect, ledger: Ledger, past: Past, supposing: Supposing) -> list[list[Call]]:
    """Return the calls that follow the lists.

    Args:
        collect: in which way.
        ledger: has the lists, and the answers of a run that was cut off; what is supposed is noted in it.
        past: what earlier nights tell.
        supposing: what they tell.

    Returns:
        The calls of each phase, which are made at once, in the order in which the phases follow.
    """
    rehearsal = _Rehearsal(ledger, past, supposing)
    await ask_details(collect, ledger, past, rehearsal.ask, lambda _: None)
    return rehearsal.phases


class _Rehearsal:
    """Notes calls instead of making them, and what they would tell.

    Attributes:
        phases: the calls so far.
    """

    def __init__(self, ledger: Ledger, past: Past, supposing: Supposing) -> None:
        self.phases: list[list[Call]] = []
        self._ledger = ledger
        self._seen = past.memory.users
        self._contents = past.memory.contents | ledger.contents
        self._supposing = supposing
        self._worst = supposing is Supposing.WORST
        held: dict[str, list[str]] = defaultdict(list)
        for seen in self._seen.values():
            if seen.signature is not None and seen.flags is not None:
                held[seen.signature].append(seen.flags)
        self._agreed = {signature: commonest(flags) for signature, flags in held.items()}
        self._in_role: dict[str, set[int]] = defaultdict(set)
        self._users = ledger.users()
        for user in self._users.values():
            self._in_role[str(user.role_id)].add(user.id)
        roles = (role for page in ledger.listed[Endpoint.ROLES] for role in page.rows(Role))
        self._members = {str(role.id): role.assignment_count for role in roles}

    async def ask(self, calls: Iterable[Call]) -> None:
        """Take calls to be made at once, but for those that a run that was cut off has answers to."""
        asked = [call for call in calls if call not in self._ledger.outcomes]
        self.phases.append(asked)
        for call in asked:
            self._suppose(call)
        # a list is read on once its first page has come
        self.phases += [[page] for call in asked for page in self._further_pages(call)]

    def _further_pages(self, call: Call) -> list[Call]:
        if call.endpoint is not Endpoint.ROLE_MEMBERS:
            return []
        count = self._members.get(str(call.id))
        count = len(self._in_role[str(call.id)]) if count is None else count
        return [replace(call, start=start) for start in range(PAGE, count, PAGE)]

    def _suppose(self, call: Call) -> None:
        """Note what a call would tell."""
        ledger, subject = self._ledger, str(call.id)
        ledger.outcomes[call] = Outcome.ANSWERED
        match call.endpoint:
            case Endpoint.USER if self._worst:
                ledger.found[int(subject)] = User(id=int(subject))
            case Endpoint.USER | Endpoint.ROLE:
                ledger.outcomes[call] = Outcome.GONE
            case Endpoint.ROLE_MEMBERS if self._supposing is Supposing.NO_MEMBERS:
                ledger.outcomes[call] = Outcome.GONE
            case Endpoint.ROLE_MEMBERS if not self._worst:
                ledger.members |= {(user, int(subject)) for user in self._in_role[subject]}
            case Endpoint.PERMISSIONS:
                ledger.flags[int(subject)] = subject if self._worst else self._flags(int(subject))

    def _flags(self, user_id: int) -> str:
        """Return what a user holds: what they were seen with, or else what others with their access hold."""
        signature = signature_of(self._users[user_id], self._contents)
        seen = self._seen.get(user_id)
        if seen is not None and seen.flags is not None and seen.signature == signature:
            return seen.flags
        return self._agreed.get(signature or "", _AGREED)
