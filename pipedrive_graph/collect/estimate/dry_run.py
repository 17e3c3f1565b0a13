"""Dry run of a collection: derives the calls that it makes, in the expected case and in the worst."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from pipedrive_graph.collect.call_log import CallLog
from pipedrive_graph.collect.plan import PAGE
from pipedrive_graph.collect.sampling import commonest
from pipedrive_graph.collect.signatures import signature_of
from pipedrive_graph.collect.steps import Past, ask_details
from pipedrive_graph.config.company import Collect
from pipedrive_graph.pipedrive.answers import Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import Role, User

_AGREED = "as the others"
"""Stands for the permissions of a signature without any observed user."""


class Assumption(Enum):
    """What the dry run assumes about the answers."""

    AS_BEFORE = "as before"
    """Users who are no longer listed are gone; users with the same access hold the same permissions, except
    known deviators; every user is in the role that their record names."""
    NO_MEMBERS = "no members"
    """The same, but this Pipedrive does not list the members of roles."""
    WORST = "worst"
    """Users who are no longer listed exist; no two users hold the same permissions; no user is in the role
    that their own record names."""


async def expected_calls(
    collect: Collect,
    call_log: CallLog,
    past: Past,
    assumption: Assumption,
    *,
    visibility: bool = False,
    has_pipelines: bool = True,
) -> list[list[Call]]:
    """Return the calls that follow the lists.

    Args:
        collect: the plan.
        call_log: holds the lists and the answers of an interrupted run; assumed outcomes are recorded in it.
        past: what earlier snapshots observed.
        assumption: the assumption about the answers.
        visibility: whether the run reads who can see what.
        has_pipelines: whether this Pipedrive says which pipelines a role sees.

    Returns:
        The calls of each phase: those of a phase are made concurrently, and the phases follow in order.
    """
    dry_run = _DryRun(call_log, past, assumption, has_pipelines=has_pipelines)
    await ask_details(collect, call_log, past, dry_run.ask, lambda _: None, visibility=visibility)
    return dry_run.phases


class _DryRun:
    """Records calls instead of making them, and assumes their answers.

    Attributes:
        phases: the calls so far.
    """

    def __init__(self, call_log: CallLog, past: Past, assumption: Assumption, *, has_pipelines: bool) -> None:
        self.phases: list[list[Call]] = []
        self._call_log = call_log
        self._seen = past.memory.users
        self._contents = past.memory.contents | call_log.contents
        self._assumption = assumption
        self._has_pipelines = has_pipelines
        self._worst = assumption is Assumption.WORST
        held: dict[str, list[str]] = defaultdict(list)
        for seen in self._seen.values():
            if seen.signature is not None and seen.flags is not None:
                held[seen.signature].append(seen.flags)
        self._agreed = {signature: commonest(flags) for signature, flags in held.items()}
        self._in_role: dict[str, set[int]] = defaultdict(set)
        self._users = call_log.users()
        for user in self._users.values():
            self._in_role[str(user.role_id)].add(user.id)
        roles = (role for page in call_log.listed[Endpoint.ROLES] for role in page.rows(Role))
        self._members = {str(role.id): role.assignment_count for role in roles}

    async def ask(self, calls: Iterable[Call]) -> None:
        """Record calls that would be made concurrently, except those that an interrupted run has answered."""
        asked = [call for call in calls if call not in self._call_log.outcomes]
        self.phases.append(asked)
        for call in asked:
            self._assume(call)
        # further pages are requested after the first one has arrived
        self.phases += [[page] for call in asked for page in self._further_pages(call)]

    def _further_pages(self, call: Call) -> list[Call]:
        if call.endpoint is not Endpoint.ROLE_MEMBERS:
            return []
        count = self._members.get(str(call.id))
        count = len(self._in_role[str(call.id)]) if count is None else count
        return [replace(call, start=start) for start in range(PAGE, count, PAGE)]

    def _assume(self, call: Call) -> None:
        """Record the assumed answer to a call."""
        call_log, subject = self._call_log, str(call.id)
        call_log.outcomes[call] = Outcome.ANSWERED
        match call.endpoint:
            case Endpoint.USER if self._worst:
                call_log.found_by_id[int(subject)] = User(id=int(subject))
            case Endpoint.ROLE_PIPELINES if not self._has_pipelines:
                call_log.outcomes[call] = Outcome.GONE
            case Endpoint.USER | Endpoint.ROLE if call not in call_log.optional:
                call_log.outcomes[call] = Outcome.GONE
            case Endpoint.ROLE_MEMBERS if self._assumption is Assumption.NO_MEMBERS:
                call_log.outcomes[call] = Outcome.GONE
            case Endpoint.ROLE_MEMBERS if not self._worst:
                call_log.members |= {(user, int(subject)) for user in self._in_role[subject]}
            case Endpoint.PERMISSIONS:
                call_log.flags[int(subject)] = subject if self._worst else self._flags(int(subject))

    def _flags(self, user_id: int) -> str:
        """Return a user's assumed permissions: as last observed, or as most users with the same access."""
        signature = signature_of(self._users[user_id], self._contents)
        seen = self._seen.get(user_id)
        if seen is not None and seen.flags is not None and seen.signature == signature:
            return seen.flags
        return self._agreed.get(signature or "", _AGREED)
