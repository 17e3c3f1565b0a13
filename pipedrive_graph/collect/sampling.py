"""Chooses which users `by-access` observes: enough of each access signature to infer the others.

Every run requests the permissions of these users:

- every admin, and every user whose access is not in the list of users;
- every user whose signature has changed since the last observation;
- known deviators, whose permissions differ from most users of their signature;
- users whose waiting time is over: it is drawn at random after each observation;
- every user who would otherwise be unobserved for longer than `observe_within` by the next run;
- at least two users of each signature.

The random numbers come from a secret seed, so users cannot predict their next observation. Only a user who
was not observed for almost `observe_within` can expect one: any upper bound has this effect.

If a run finds a new deviator, the sample of the signature doubles until 20 users in a row agree. If more than
20 % of a signature deviate, all of its users are observed.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipedrive_graph.collect.signatures import signature_of
from pipedrive_graph.landing.records import Observation, ObservationState
from pipedrive_graph.pipedrive.models import User

ENOUGH = 20
"""So many users in a row who agree represent the others; a share of deviators counts from this many users."""

TOO_MANY = 0.20
"""If a larger share of a signature deviates, nothing is inferred: all of its users are observed."""

UNANSWERED = 4
"""After so many unanswered calls, the sample of a signature stays incomplete."""


PERMISSIONS, ROLES = "permissions", "roles"
"""The purposes of an observation; each has its own rotation."""

STEEPNESS = {PERMISSIONS: 2, ROLES: 4}
"""How steeply the probability of an observation rises with the time since the last one, as an exponent.

With 7 days and one run a day, 2, 6, 10, 14, 18, 22 and 27 % of the gaps between observations of permissions
are 1 to 7 days long. Role assignments also appear in the list of users, so their gaps are longer.
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of runs, and how long a user may go unobserved.

    Attributes:
        now: the as-of time of this run.
        last: the as-of time of the run before; None for the first.
        observe_within: the longest time between two observations of a user.
        seed: the secret seed of the choice; the same seed and time give the same choice.
    """

    now: datetime
    last: datetime | None
    observe_within: timedelta
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def due(self, last_seen: Mapping[int, datetime], never: Collection[int], purpose: str) -> set[int]:
        """Return the users whose waiting time is over, or will be exceeded before the next run.

        Args:
            last_seen: when each user was last observed or, if never, first listed.
            never: the users who were never observed.
            purpose: `PERMISSIONS` or `ROLES`; each draws its own waiting times.
        """
        if self.last is None:
            return set()
        pause = max(self.now - self.last, timedelta(microseconds=1))
        # a short interval between two runs does not predict when the next run will be
        next_pause = max(pause, self.observe_within / 7)
        return {
            user
            for user, seen in last_seen.items()
            if self.now - seen + next_pause > self.observe_within
            or self.now - seen >= self._wait(user, seen, purpose, is_new=user in never)
        }

    def order(self, last_seen: Mapping[int, datetime], never: Collection[int], purpose: str) -> list[int]:
        """Return all users by the end of their waiting time; at the first run, by id.

        Args:
            last_seen: see `due`.
            never: see `due`.
            purpose: see `due`.
        """
        if self.last is None:
            return sorted(last_seen)
        return sorted(
            last_seen,
            key=lambda user: (
                last_seen[user] + self._wait(user, last_seen[user], purpose, is_new=user in never),
                user,
            ),
        )

    def _wait(self, user: int, seen: datetime, purpose: str, *, is_new: bool) -> timedelta:
        """Return how long after an observation a user is due again.

        A user who was never observed waits only for the remainder of such a time, as if observations had
        started long ago, so that the first week has as many observations as any other.
        """
        power = STEEPNESS[purpose]
        first, second = self._drawn(purpose, user, seen)
        share: float = first * second ** (1 / (power + 1)) if is_new else first ** (1 / power)
        return share * self.observe_within

    def _drawn(self, purpose: str, user: int, seen: datetime) -> tuple[float, float]:
        """Return two numbers from 0 to 1 that cannot be predicted without the seed."""
        drawn = hmac.digest(self.seed, f"{purpose}:{seen.isoformat()}:{user}".encode(), "sha256")
        return int.from_bytes(drawn[:8]) / 2**64, int.from_bytes(drawn[8:16]) / 2**64


@dataclass(slots=True)
class _Group:
    """The users of one signature.

    Attributes:
        members: their ids, in the order in which they are chosen.
        remembered: digests of the permissions of users who were observed under this signature.
    """

    members: list[int] = field(default_factory=list)
    remembered: dict[int, str] = field(default_factory=dict)


class Sampling:
    """Chooses, in rounds, whose permissions to request.

    Args:
        users: all existing users.
        contents: digest of each permission set's contents, by its id.
        memory: what earlier snapshots observed.
        schedule: the time of this run and of the one before.
        sample: the smallest number of users to observe of each signature.

    Attributes:
        whole: the signatures with too many deviators, whose users are all observed.
    """

    def __init__(
        self,
        users: Sequence[User],
        contents: Mapping[str, str],
        memory: ObservationState,
        schedule: Schedule,
        *,
        sample: int = 2,
    ) -> None:
        self.whole: set[str] = set()
        self.signatures = {user.id: signature_of(user, contents) for user in users}
        self._memory = memory
        self._sample = sample
        fresh = Observation(since=schedule.now)
        known = {user: memory.users.get(user, fresh) for user in self.signatures}
        last_seen = {user: seen.at or seen.since for user, seen in known.items()}
        self._groups: dict[str, _Group] = defaultdict(_Group)
        never = {user for user, seen in known.items() if seen.at is None}
        self._first = schedule.due(last_seen, never, PERMISSIONS) | {
            u.id for u in users if any(e.admin for e in u.access or [])
        }
        for user in schedule.order(last_seen, never, PERMISSIONS):
            signature, seen = self.signatures[user], known[user]
            if signature is None or (seen.at is not None and seen.signature != signature):
                self._first.add(user)
            if signature is not None:
                self._groups[signature].members.append(user)
                if seen.flags is not None and seen.signature == signature:
                    self._groups[signature].remembered[user] = seen.flags
        for signature, group in self._groups.items():
            self._first |= group.remembered.keys() - _agreeing(group.remembered)
            if _deviates(group.remembered):
                self.whole.add(signature)
                self._first.update(group.members)

    def next(self, answered: Mapping[int, str | None]) -> list[int]:
        """Return the users to request next; an empty list ends the sampling.

        Args:
            answered: the users requested so far in this run, in the order of the answers, each with the
                digest of the permissions, or None if the call was not answered.
        """
        wanted = self._first - answered.keys()
        answers: dict[str, dict[int, str | None]] = defaultdict(dict)
        for user, flags in answered.items():
            signature = self.signatures.get(user)
            if signature is not None:
                answers[signature][user] = flags
        for signature, group in self._groups.items():
            wanted.update(self._more(signature, group, answers[signature], wanted))
        return sorted(wanted)

    def inferred(self, answered: Mapping[int, str | None]) -> int:
        """Return how many users must be inferred: never observed under the access that they have now."""
        observed = {user for user, flags in answered.items() if flags is not None}
        for group in self._groups.values():
            observed |= group.remembered.keys()
        return len(self.signatures.keys() - observed)

    def _more(
        self, signature: str, group: _Group, answered: Mapping[int, str | None], wanted: set[int]
    ) -> list[int]:
        """Return further users of a signature to request, given the answers of this run."""
        pool = [user for user in group.members if user not in answered and user not in wanted]
        coming = sum(user in wanted for user in group.members)
        answers = {user: flags for user, flags in answered.items() if flags is not None}
        if len(answered) - len(answers) < UNANSWERED:
            missing = self._sample - len(answers) - coming
            if missing > 0 or coming:
                return pool[: max(missing, 0)]
        elif coming:
            return []
        values = group.remembered | answers
        if _deviates(values):
            self.whole.add(signature)
            return pool
        agreeing, known = _agreeing(values), _agreeing(group.remembered)
        row, is_new = 0, False
        for user, flags in answers.items():
            if user in agreeing:
                row += 1
            elif group.remembered.get(user) != flags or user in known:
                row, is_new = 0, True
        return pool[: min(len(answers), ENOUGH - row)] if is_new and row < ENOUGH else []


def representatives(users: Sequence[User], memory: ObservationState, schedule: Schedule) -> list[int]:
    """Return whose role assignments to request if the members of roles cannot be listed.

    These are: one user for each role that a user's record names; every user whose record names no role, or
    another role than at the last observation; and the users whose waiting time is over.
    """
    known = {user.id: memory.users.get(user.id, Observation(since=schedule.now)) for user in users}
    last_seen = {user: seen.roles_at or seen.since for user, seen in known.items()}
    never = {user for user, seen in known.items() if seen.roles_at is None}
    asked = schedule.due(last_seen, never, ROLES)
    by_role: dict[int, list[int]] = defaultdict(list)
    for user in users:
        seen = known[user.id]
        if user.role_id is None or (seen.roles_at is not None and seen.role_id != user.role_id):
            asked.add(user.id)
        if user.role_id is not None:
            by_role[user.role_id].append(user.id)
    for members in by_role.values():
        if asked.isdisjoint(members):
            asked.add(min(members, key=lambda user: (last_seen[user], user)))
    return sorted(asked)


def unconfirmed(users: Sequence[User], members: set[tuple[int, int]], memory: ObservationState) -> list[int]:
    """Return whose role assignments to request although the members of roles were listed.

    These are users who are not among the members of the role that their record names, and users who were
    assigned to a role that is not listed.

    Args:
        users: all existing users.
        members: pairs of user and role, from the roles' lists of members.
        memory: what earlier snapshots observed.
    """
    strays = set(memory.strays)
    return sorted(u.id for u in users if u.id in strays or (u.id, u.role_id) not in members)


def commonest(values: Iterable[str]) -> str:
    """Return the most frequent digest; if several are, the alphabetically first.

    Raises:
        ValueError: without values.
    """
    counts = Counter(values)
    return min(counts, key=lambda flags: (-counts[flags], flags))


def _agreeing(values: Mapping[int, str]) -> set[int]:
    """Return the users who hold the most frequent permissions."""
    if not values:
        return set()
    most = commonest(values.values())
    return {user for user, flags in values.items() if flags == most}


def _deviates(values: Mapping[int, str]) -> bool:
    """Whether so many users of a signature deviate that nothing can be inferred from it."""
    return len(values) >= ENOUGH and len(values) - len(_agreeing(values)) > TOO_MANY * len(values)
