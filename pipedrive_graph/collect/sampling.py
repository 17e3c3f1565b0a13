"""Chooses whom `by-access` observes: enough users of each access signature to infer the others from them.

Every night these are asked for their permissions:

- every admin, and everybody whose access the list of users does not tell;
- everybody whose signature has changed since they were last observed;
- known deviators, who hold something else than most of their signature;
- those whose wait is over: its length is drawn by chance after each observation;
- everybody else who would stay unobserved for longer than `observe_within` by the next read;
- at least two users of each signature.

The chance comes from a secret seed, so nobody can know when they are observed next. Only who was not observed
for almost `observe_within` knows that it is due: with a bound, that cannot be otherwise.

Where that finds a new deviator, the signature's sample doubles until 20 in a row agree; where more than
20 % of a signature deviate, all of it is observed.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipedrive_graph.collect.signatures import signature_of
from pipedrive_graph.landing.records import Memory, Observation
from pipedrive_graph.pipedrive.models import User

ENOUGH = 20
"""This many users in a row who agree stand for all; and of so many a share of deviators means something."""

TOO_MANY = 0.20
"""A signature with a larger share of deviators infers nothing: all of it is observed."""

UNANSWERED = 4
"""So many users of a signature are asked in vain before its sample is left incomplete."""


PERMISSIONS, ROLES = "permissions", "roles"
"""What a user is observed for; each has a rotation of its own."""

STEEPNESS = {PERMISSIONS: 2, ROLES: 4}
"""How much likelier it becomes with the time waited that it is a user's turn, as a power of it.

With 7 days and a read a day, the gaps between observations of permissions are 1 to 7 nights in 2, 6, 10, 14,
18, 22 and 27 % of all cases. Role assignments show in the list of users as well; their gaps are longer.
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a company is read, and how long nobody may go unobserved.

    Attributes:
        now: the as-of time of this read.
        last: that of the read before; None at the first.
        observe_within: the longest time between two observations of a user.
        seed: the secret from which the choice is drawn; with the same seed and time, it is the same.
    """

    now: datetime
    last: datetime | None
    observe_within: timedelta
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def due(self, last_seen: Mapping[int, datetime], never: Collection[int], purpose: str) -> set[int]:
        """Return whose turn it is: those whose wait is over, and those who cannot wait for the next read.

        Args:
            last_seen: when each user was last observed or, if never, first listed.
            never: the users who were never observed.
            purpose: what for; another purpose draws other waits.
        """
        if self.last is None:
            return set()
        pause = max(self.now - self.last, timedelta(microseconds=1))
        # a read that followed soon upon another one tells little of when the next will come
        next_pause = max(pause, self.observe_within / 7)
        return {
            user
            for user, seen in last_seen.items()
            if self.now - seen + next_pause > self.observe_within
            or self.now - seen >= self._wait(user, seen, purpose, is_new=user in never)
        }

    def order(self, last_seen: Mapping[int, datetime], never: Collection[int], purpose: str) -> list[int]:
        """Return all users, those first whose turn comes first; at the first read, by their ids.

        Args:
            last_seen: as `due` takes it.
            never: as `due` takes it.
            purpose: as `due` takes it.
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
        """Return how long after an observation it is the user's turn again.

        Who was never observed waits for the rest of such a time only, as if observations had begun long
        before: so as many are observed in the first week as in any other.
        """
        power = STEEPNESS[purpose]
        one, other = self._drawn(purpose, user, seen)
        share: float = one * other ** (1 / (power + 1)) if is_new else one ** (1 / power)
        return share * self.observe_within

    def _drawn(self, purpose: str, user: int, seen: datetime) -> tuple[float, float]:
        """Return two numbers from 0 to 1 that nobody can foresee without the seed."""
        drawn = hmac.digest(self.seed, f"{purpose}:{seen.isoformat()}:{user}".encode(), "sha256")
        return int.from_bytes(drawn[:8]) / 2**64, int.from_bytes(drawn[8:16]) / 2**64


@dataclass(slots=True)
class _Group:
    """The users of one signature.

    Attributes:
        members: their ids, in the order in which they are chosen.
        remembered: digests of the permissions of those who were observed under this very signature.
    """

    members: list[int] = field(default_factory=list)
    remembered: dict[int, str] = field(default_factory=dict)


class Sampling:
    """Chooses, night by night, whose permissions are asked for.

    Args:
        users: everybody who is there.
        contents: digest of each permission set's contents, by its id.
        memory: what earlier nights observed.
        schedule: when.
        sample: how many users of each signature are observed at least.

    Attributes:
        whole: the signatures with too many deviators, of which everybody is observed.
    """

    def __init__(
        self,
        users: Sequence[User],
        contents: Mapping[str, str],
        memory: Memory,
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

    def next(self, tonight: Mapping[int, str | None]) -> list[int]:
        """Return whom to ask next; nobody is the end.

        Args:
            tonight: whom was asked so far, in the order of the answers, each with the digest of the
                permissions, or None where they were not answered.
        """
        wanted = self._first - tonight.keys()
        answers: dict[str, dict[int, str | None]] = defaultdict(dict)
        for user, flags in tonight.items():
            signature = self.signatures.get(user)
            if signature is not None:
                answers[signature][user] = flags
        for signature, group in self._groups.items():
            wanted.update(self._more(signature, group, answers[signature], wanted))
        return sorted(wanted)

    def inferred(self, tonight: Mapping[int, str | None]) -> int:
        """Return how many users are left to inference: not answered for under the access they have."""
        observed = {user for user, flags in tonight.items() if flags is not None}
        for group in self._groups.values():
            observed |= group.remembered.keys()
        return len(self.signatures.keys() - observed)

    def _more(
        self, signature: str, group: _Group, tonight: Mapping[int, str | None], wanted: set[int]
    ) -> list[int]:
        """Return whom else of a signature to ask, given what its users answered tonight."""
        pool = [user for user in group.members if user not in tonight and user not in wanted]
        coming = sum(user in wanted for user in group.members)
        answers = {user: flags for user, flags in tonight.items() if flags is not None}
        if len(tonight) - len(answers) < UNANSWERED:
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
        row, found = 0, False
        for user, flags in answers.items():
            if user in agreeing:
                row += 1
            elif group.remembered.get(user) != flags or user in known:
                row, found = 0, True
        return pool[: min(len(answers), ENOUGH - row)] if found and row < ENOUGH else []


def representatives(users: Sequence[User], memory: Memory, schedule: Schedule) -> list[int]:
    """Return whose role assignments to ask for where the members of the roles are not to be had.

    One user for each role that a user's record names; everybody whose record names none, or another than
    when they were last asked; and the next slice of the rotation.
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


def unconfirmed(users: Sequence[User], members: set[tuple[int, int]], memory: Memory) -> list[int]:
    """Return whose role assignments to ask for although the members of the roles were listed.

    Those who are not among the members of the role that their own record names, and those who were
    known to be assigned to a role that is not listed.

    Args:
        users: everybody who is there.
        members: user and role, by the roles' lists of members.
        memory: what earlier nights found.
    """
    strays = set(memory.strays)
    return sorted(u.id for u in users if u.id in strays or (u.id, u.role_id) not in members)


def commonest(values: Iterable[str]) -> str:
    """Return the digest that stands there most often; of several the first by the alphabet.

    Raises:
        ValueError: if there are none.
    """
    counts = Counter(values)
    return min(counts, key=lambda flags: (-counts[flags], flags))


def _agreeing(values: Mapping[int, str]) -> set[int]:
    """Return the users who hold what most of them hold."""
    if not values:
        return set()
    most = commonest(values.values())
    return {user for user, flags in values.items() if flags == most}


def _deviates(values: Mapping[int, str]) -> bool:
    """Whether so many of a signature deviate that nothing can be inferred from it."""
    return len(values) >= ENOUGH and len(values) - len(_agreeing(values)) > TOO_MANY * len(values)
