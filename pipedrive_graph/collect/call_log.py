"""Keeps the books of one collection: what was asked for, how it ended, and who is there by all that."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipedrive_graph.collect.signatures import digest_of_contents, digest_of_flags, signature_of
from pipedrive_graph.landing import Coverage, Known
from pipedrive_graph.landing.records import Memory, Observation
from pipedrive_graph.pipedrive.answers import Answer, Outcome
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.models import (
    PermissionSet,
    Role,
    RoleAssignment,
    RoleMember,
    UnreadableRow,
    User,
)

LISTED: dict[Endpoint, type[User | Role | PermissionSet]] = {
    Endpoint.USERS: User,
    Endpoint.ROLES: Role,
    Endpoint.PERMISSION_SETS: PermissionSet,
}
"""The lists, and the records in them."""


@dataclass
class Ledger:
    """What a collection asked for, and how it ended."""

    listed: dict[Endpoint, list[Answer]] = field(default_factory=dict)
    """The pages of every list."""
    outcomes: dict[Call, Outcome] = field(default_factory=dict)
    """How every call by id ended."""
    proofs: set[Call] = field(default_factory=set)
    """Calls for what is no longer listed: there, a 404 is the answer that was wanted."""
    unread: dict[Call, int] = field(default_factory=dict)
    """Where the next page of a call by id starts, if there is one."""
    assigned: dict[int, set[int]] = field(default_factory=dict)
    """The roles of every user whose own assignments were answered."""
    members: set[tuple[int, int]] = field(default_factory=set)
    """User and role, as the roles tell it."""
    flags: dict[int, str | None] = field(default_factory=dict)
    """Digest of the permissions of every user who was asked for, as the answers came; None: not answered."""
    empty: set[Call] = field(default_factory=set)
    """Calls for permissions that were answered with an empty map."""
    names: bool = False
    """Whether an answer names a permission."""
    denies: bool = False
    """Whether an answer says of a permission that the user does not hold it."""
    contents: dict[str, str] = field(default_factory=dict)
    """Digest of the contents of permission sets."""
    unoffered: set[Endpoint] = field(default_factory=set)
    """Calls by id that this Pipedrive does not have, or refuses to this token: none of them is missed."""
    found: dict[int, User] = field(default_factory=dict)
    """Users who are not listed, and are there all the same."""
    contradictions: list[str] = field(default_factory=list)
    """Ids that a list has more than once with different values: the list, and the id."""
    spoilt: dict[str, tuple[UnreadableRow, ...]] = field(default_factory=dict)
    """Rows that could not be read in the answers to calls by id, by the path of the call."""

    def note(self, answer: Answer) -> None:
        """Note how a call by id ended; of a paged one, a page that failed fails it."""
        call = replace(answer.call, start=None)
        worst = {self.outcomes.get(call, answer.outcome), answer.outcome} - {Outcome.ANSWERED}
        self.outcomes[call] = worst.pop() if worst else Outcome.ANSWERED
        self.unread.pop(call, None)
        if answer.next_start is not None:
            self.unread[call] = answer.next_start
        if answer.unreadable:
            self.spoilt[call.path] = (*self.spoilt.get(call.path, ()), *answer.unreadable)
        self._keep(call, answer)

    def _keep(self, call: Call, answer: Answer) -> None:
        """Keep of an answer what later calls depend on."""
        subject, answered = call.id or "", answer.outcome is Outcome.ANSWERED
        match call.endpoint:
            case Endpoint.PERMISSIONS:
                flags = answer.data if isinstance(answer.data, dict) else {}
                # an empty map says nothing that could be compared with the answers about others
                self.flags[int(subject)] = digest_of_flags(flags) if answered and flags else None
                if answered and not flags:
                    self.empty.add(call)
                self.names = self.names or bool(flags)
                self.denies = self.denies or False in flags.values()
            case Endpoint.ROLE_ASSIGNMENTS if answered:
                roles = {row.role_id for row in answer.rows(RoleAssignment)}
                self.assigned.setdefault(int(subject), set()).update(roles)
            case Endpoint.ROLE_MEMBERS:
                self.members |= {(row.user_id, row.role_id) for row in answer.rows(RoleMember)}
            case Endpoint.PERMISSION_SET if answered:
                digest = digest_of_contents(answer.rows(PermissionSet)[0])
                if digest is not None:
                    self.contents[subject] = digest
            case Endpoint.USER if answered:
                self.found[int(subject)] = answer.rows(User)[0]

    def users(self) -> dict[int, User]:
        """Everybody who is there: listed, or asked for by id and answered."""
        listed = {user.id: user for page in self.listed[Endpoint.USERS] for user in page.rows(User)}
        return self.found | listed

    def offered(self, endpoint: Endpoint) -> bool:
        """Whether a list was answered in full."""
        return all(page.outcome is Outcome.ANSWERED for page in self.listed[endpoint])

    def ids(self, endpoint: Endpoint) -> set[str]:
        """The ids in a list."""
        return {str(record.id) for page in self.listed[endpoint] for record in page.rows(LISTED[endpoint])}

    def asked_about(self, endpoint: Endpoint) -> set[str]:
        """The ids that were asked for so far."""
        return {str(call.id) for call in self.outcomes if call.endpoint is endpoint}

    def roles_in_use(self) -> set[str]:
        """Roles that somebody is assigned to, or that a user's record or a role below them names."""
        named = {user.role_id for user in self.users().values()}
        named |= {role.parent_role_id for page in self.listed[Endpoint.ROLES] for role in page.rows(Role)}
        return {str(role) for role in (named - {None}).union(*self.assigned.values())}

    def permission_sets_in_use(self) -> set[str]:
        """Permission sets that somebody has."""
        entries = (entry for user in self.users().values() for entry in user.access or [])
        return {entry.permission_set_id for entry in entries if entry.permission_set_id}

    def missing(self) -> list[Call]:
        """Calls by id without an answer; where absence was to be proven, a 404 is one.

        An empty map of permissions is no answer, unless others name permissions and never say "no": then
        Pipedrive names only what is held.
        """
        silent = self.empty if self.denies or not self.names else set()
        return [
            call
            for call, outcome in self.outcomes.items()
            if call in silent
            or (
                not (outcome is Outcome.ANSWERED or (outcome is Outcome.GONE and call in self.proofs))
                and call.endpoint not in self.unoffered
            )
        ]

    def unreadable(self) -> list[str]:
        """The rows that could not be read, of lists and of answers by id: where, and what is wrong."""
        pages = (page for listed in self.listed.values() for page in listed)
        found = [(page.call.path, page.call.start, page.unreadable) for page in pages]
        found += [(path, None, rows) for path, rows in self.spoilt.items()]
        return [
            f"{path}{f' from {start}' if start else ''}: {row.problem}"
            for path, start, rows in found
            for row in rows
        ]

    def gone(self, endpoint: Endpoint) -> int:
        """How many are proven gone."""
        return sum(call.endpoint is endpoint and self.outcomes[call] is Outcome.GONE for call in self.proofs)

    def coverage(self) -> dict[str, Coverage]:
        """How the calls of each endpoint ended."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for endpoint, pages in self.listed.items():
            counts[endpoint].update(str(page.outcome) for page in pages)
        for call, outcome in self.outcomes.items():
            counts[call.endpoint][str(outcome)] += 1
        return {str(endpoint): Coverage(asked=c.total(), **c) for endpoint, c in sorted(counts.items())}

    def known(self, before: Known) -> Known:
        """Who is there by now: listed, or asked for by id and not proven gone."""
        users = self._remaining(Endpoint.USERS, Endpoint.USER, before.users)
        roles = self._remaining(Endpoint.ROLES, Endpoint.ROLE, before.roles)
        sets = self._remaining(Endpoint.PERMISSION_SETS, Endpoint.PERMISSION_SET, before.permission_sets)
        return Known(
            users=sorted(map(int, users)), roles=sorted(map(int, roles)), permission_sets=sorted(sets)
        )

    def memory(self, before: Memory, known: Known, as_of: datetime) -> Memory:
        """What the next night is to know of who was observed.

        Args:
            before: what was known before this one.
            known: who is there by now.
            as_of: the time at which all that this night saw counts as seen.
        """
        contents = before.contents | self.contents
        users = dict(before.users)
        for user in self.users().values():
            seen = users.get(user.id, Observation(since=as_of)).model_dump()
            if (flags := self.flags.get(user.id)) is not None:
                seen |= {"at": as_of, "signature": signature_of(user, contents), "flags": flags}
            if user.id in self.assigned:
                seen |= {"roles_at": as_of, "role_id": user.role_id}
            users[user.id] = Observation(**seen)
        remaining = set(known.users)
        strays = set(before.strays) - self.assigned.keys()
        if self.offered(Endpoint.ROLES):
            listed = set(map(int, self.ids(Endpoint.ROLES)))
            strays |= {user for user, roles in self.assigned.items() if not roles <= listed}
        return Memory(
            users={user: seen for user, seen in sorted(users.items()) if user in remaining},
            contents=contents,
            strays=sorted(strays & remaining),
        )

    def _remaining(self, listing: Endpoint, single: Endpoint, before: Iterable[object]) -> set[str]:
        ids = self.ids(listing)
        if not self.offered(listing):
            ids |= {str(subject) for subject in before}
        asked = {str(c.id): o for c, o in self.outcomes.items() if c.endpoint is single}
        return ids | {subject for subject, outcome in asked.items() if outcome is not Outcome.GONE}
