"""Records every call of a run and its outcome, and derives which users, roles and permission sets exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipedrive_graph.collect.signatures import digest_of_contents, digest_of_flags, signature_of
from pipedrive_graph.landing import Coverage, KnownIds
from pipedrive_graph.landing.records import Observation, ObservationState
from pipedrive_graph.pipedrive.answers import NOT_OFFERED, Answer, Outcome
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
"""The lists, and the type of their records."""


@dataclass
class CallLog:
    """The calls of a run and their outcomes."""

    listed: dict[Endpoint, list[Answer]] = field(default_factory=dict)
    """The pages of every list."""
    outcomes: dict[Call, Outcome] = field(default_factory=dict)
    """The outcome of every call by id."""
    proofs: set[Call] = field(default_factory=set)
    """Calls for subjects that are no longer listed: for these, a 404 is the expected answer."""
    optional: set[Call] = field(default_factory=set)
    """Calls about who can see what: they do not decide whether the snapshot is accepted."""
    unread: dict[Call, int] = field(default_factory=dict)
    """Where the next page of a call by id starts, if more pages remain."""
    assigned: dict[int, set[int]] = field(default_factory=dict)
    """The roles of every user whose own assignments were answered."""
    members: set[tuple[int, int]] = field(default_factory=set)
    """Pairs of user and role, from the roles' lists of members."""
    flags: dict[int, str | None] = field(default_factory=dict)
    """Digest of each user's permissions, in the order of the answers; None if the call was not answered."""
    empty: set[Call] = field(default_factory=set)
    """Calls for permissions that were answered with an empty map."""
    names_permissions: bool = False
    """Whether any answer names a permission."""
    denies_permissions: bool = False
    """Whether any answer says that a user does not hold a permission."""
    contents: dict[str, str] = field(default_factory=dict)
    """Digest of the contents of each permission set."""
    unavailable: set[Endpoint] = field(default_factory=set)
    """Calls by id that this Pipedrive does not have or refuses to this token: not counted as missing."""
    found_by_id: dict[int, User] = field(default_factory=dict)
    """Users who are not listed but exist."""
    contradictions: list[str] = field(default_factory=list)
    """Ids that a list contains more than once with different values, as 'list: id'."""
    unreadable_rows: dict[str, tuple[UnreadableRow, ...]] = field(default_factory=dict)
    """Unreadable rows in the answers to calls by id, by the path of the call."""

    def note(self, answer: Answer) -> None:
        """Record the outcome of a call by id; if one page of it failed, the call failed."""
        call = replace(answer.call, start=None)
        worst = {self.outcomes.get(call, answer.outcome), answer.outcome} - {Outcome.ANSWERED}
        self.outcomes[call] = worst.pop() if worst else Outcome.ANSWERED
        self.unread.pop(call, None)
        if answer.next_start is not None:
            self.unread[call] = answer.next_start
        if answer.unreadable:
            self.unreadable_rows[call.path] = (*self.unreadable_rows.get(call.path, ()), *answer.unreadable)
        self._keep(call, answer)

    def _keep(self, call: Call, answer: Answer) -> None:
        """Keep the parts of an answer that later calls depend on."""
        subject, answered = call.id or "", answer.outcome is Outcome.ANSWERED
        match call.endpoint:
            case Endpoint.PERMISSIONS:
                flags = answer.data if isinstance(answer.data, dict) else {}
                # an empty map cannot be compared with the answers about other users
                self.flags[int(subject)] = digest_of_flags(flags) if answered and flags else None
                if answered and not flags:
                    self.empty.add(call)
                self.names_permissions = self.names_permissions or bool(flags)
                self.denies_permissions = self.denies_permissions or False in flags.values()
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
                self.found_by_id[int(subject)] = answer.rows(User)[0]

    def users(self) -> dict[int, User]:
        """Return all existing users: those who are listed, and those found by id."""
        listed = {user.id: user for page in self.listed[Endpoint.USERS] for user in page.rows(User)}
        return self.found_by_id | listed

    def offered(self, endpoint: Endpoint) -> bool:
        """Whether a list was answered in full."""
        return all(page.outcome is Outcome.ANSWERED for page in self.listed[endpoint])

    def ids(self, endpoint: Endpoint) -> set[str]:
        """Return the ids in a list."""
        return {str(record.id) for page in self.listed[endpoint] for record in page.rows(LISTED[endpoint])}

    def asked_about(self, endpoint: Endpoint) -> set[str]:
        """Return the ids that were requested so far."""
        return {str(call.id) for call in self.outcomes if call.endpoint is endpoint}

    def roles_in_use(self) -> set[str]:
        """Return the roles that are assigned, or that a user's record or a child role names."""
        named = {user.role_id for user in self.users().values()}
        named |= {role.parent_role_id for page in self.listed[Endpoint.ROLES] for role in page.rows(Role)}
        return {str(role) for role in (named - {None}).union(*self.assigned.values())}

    def permission_sets_in_use(self) -> set[str]:
        """Return the permission sets that at least one user has."""
        entries = (entry for user in self.users().values() for entry in user.access or [])
        return {entry.permission_set_id for entry in entries if entry.permission_set_id}

    def missing(self) -> list[Call]:
        """Return the calls by id without an answer; for a proof of absence, a 404 is an answer.

        For the pipelines that a role sees, a 403 or 404 is an answer too: the feature is not offered. So is a
        403 for the settings of a listed role; after a 404, the role was deleted meanwhile.

        An empty map of permissions is not an answer, unless other answers name permissions and none denies
        one: then Pipedrive names only the permissions that a user holds.
        """
        silent = self.empty if self.denies_permissions or not self.names_permissions else set()
        return [
            call
            for call, outcome in self.outcomes.items()
            if call in silent
            or (
                not (outcome is Outcome.ANSWERED or (outcome is Outcome.GONE and call in self.proofs))
                and call.endpoint not in self.unavailable
                and not self._is_not_offered(call)
            )
        ]

    def _is_not_offered(self, call: Call) -> bool:
        outcome = self.outcomes[call]
        if call.endpoint is Endpoint.ROLE_PIPELINES:
            return outcome in NOT_OFFERED
        return call in self.optional and outcome is Outcome.REFUSED

    def unreadable(self) -> list[str]:
        """Return the unreadable rows of lists and of answers by id, each with its place and the problem."""
        pages = (page for listed in self.listed.values() for page in listed)
        unreadable = [(page.call.path, page.call.start, page.unreadable) for page in pages]
        unreadable += [(path, None, rows) for path, rows in self.unreadable_rows.items()]
        return [
            f"{path}{f' from {start}' if start else ''}: {row.problem}"
            for path, start, rows in unreadable
            for row in rows
        ]

    def gone(self, endpoint: Endpoint) -> int:
        """Return how many subjects are proven gone."""
        return sum(call.endpoint is endpoint and self.outcomes[call] is Outcome.GONE for call in self.proofs)

    def coverage(self) -> dict[str, Coverage]:
        """Return the outcomes of the calls to each endpoint, counted."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for endpoint, pages in self.listed.items():
            counts[endpoint].update(str(page.outcome) for page in pages)
        for call, outcome in self.outcomes.items():
            counts[call.endpoint][str(outcome)] += 1
        return {str(endpoint): Coverage(asked=c.total(), **c) for endpoint, c in sorted(counts.items())}

    def known(self, before: KnownIds) -> KnownIds:
        """Return the subjects that exist now: listed, or requested by id and not proven gone."""
        users = self._remaining(Endpoint.USERS, Endpoint.USER, before.users)
        roles = self._remaining(Endpoint.ROLES, Endpoint.ROLE, before.roles)
        sets = self._remaining(Endpoint.PERMISSION_SETS, Endpoint.PERMISSION_SET, before.permission_sets)
        return KnownIds(
            users=sorted(map(int, users)), roles=sorted(map(int, roles)), permission_sets=sorted(sets)
        )

    def memory(self, before: ObservationState, known: KnownIds, as_of: datetime) -> ObservationState:
        """Return what the next run must know about past observations.

        Args:
            before: the state before this run.
            known: the users, roles and permission sets that exist now.
            as_of: the time at which everything in this run counts as observed.
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
        roles = set(known.roles)
        asked = {int(role): as_of for role in self._settled(Endpoint.ROLE_PIPELINES)}
        pipelines = {role: at for role, at in (before.pipelines | asked).items() if role in roles}
        return ObservationState(
            users={user: seen for user, seen in sorted(users.items()) if user in remaining},
            contents=contents,
            strays=sorted(strays & remaining),
            pipelines=dict(sorted(pipelines.items())),
        )

    def _settled(self, endpoint: Endpoint) -> list[str]:
        """Return the ids about which an endpoint was asked, and need not be asked again soon."""
        return [
            call.id or ""
            for call, outcome in self.outcomes.items()
            if call.endpoint is endpoint and outcome is not Outcome.FAILED
        ]

    def _remaining(self, listing: Endpoint, single: Endpoint, before: Iterable[object]) -> set[str]:
        ids = self.ids(listing)
        if not self.offered(listing):
            ids |= {str(subject) for subject in before}
        asked = {str(c.id): o for c, o in self.outcomes.items() if c.endpoint is single}
        return ids | {subject for subject, outcome in asked.items() if outcome is not Outcome.GONE}
