"""Chooses whom `by-access` observes: enough users of each access signature to infer the others from them.

Every night these are asked for their permissions:

- every admin, and everybody whose access the list of users does not tell;
- everybody whose signature has changed since they were last observed;
- known deviators, who hold something else than most of their signature;
- some who are chosen by chance, those not observed for longer more likely than others;
- everybody else who would stay unobserved for longer than `observe_within` by the next read;
- at least two users of each signature.

The chance comes from a secret seed, so nobody can know when they are observed next. Only who was not observed
for almost `observe_within` knows that it is due: with a bound, that cannot be otherwise.

Where that finds a new deviator, the signature's sample doubles until 20 in a row agree; where more than
20 % of a signature deviate, all of it is observed.
"""

from __future__ import annotations

import hmac
import math
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipedrive_graph.pipedrive.records import User
from pipedrive_graph.pipedrive.signature import Memory, Observation, signature_of

ENOUGH = 20
"""This many users in a row who agree stand for all; and of so many a share of deviators means something."""

TOO_MANY = 0.20
"""A signature with a larger share of deviators infers nothing: all of it is observed."""

UNANSWERED = 4
"""So many users of a signature are asked in vain before its sample is left incomplete."""


CHANCE = 2.0
"""What chance counts in the choice of who is observed: twice as much as having waited for `observe_within`.

With 7 days, everybody's gaps are spread over 1 to 7 nights, none of them above 25 %.
"""

PERMISSIONS_SHARE, ROLES_SHARE = 1.5, 1.0
"""How many are chosen each night, as a multiple of those who must be so that nobody waits for too long.

Without a surplus, all would have to be observed in a fixed order.
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

    def due(self, last_seen: Mapping[int, datetime], purpose: str, share: float) -> set[int]:
        """Return whose turn it is: those chosen by chance, and those who cannot wait for the next read.

        Args:
            last_seen: when each user was last observed or, if never, first listed.
            purpose: what for; another purpose draws another choice.
            share: how many are chosen, as a multiple of those who must be.
        """
        if self.last is None:
            return set()
        pause = max(self.now - self.last, timedelta(microseconds=1))
        rounds = max(1, self.observe_within // pause)
        # a read that followed soon upon another one tells little of when the next will come
        next_pause = max(pause, self.observe_within / 7)
        chosen = self.order(last_seen, purpose)[: math.ceil(share * len(last_seen) / rounds)]
        late = {user for user in last_seen if self.now - last_seen[user] + next_pause > self.observe_within}
        return late | set(chosen)

    def order(self, last_seen: Mapping[int, datetime], purpose: str) -> list[int]:
        """Return all users in the order in which they are chosen; at the first read, by their ids.

        Args:
            last_seen: as `due` takes it.
            purpose: as `due` takes it.
        """
        if self.last is None:
            return sorted(last_seen)

        def urgency(user: int) -> float:
            return (self.now - last_seen[user]) / self.observe_within + CHANCE * self._drawn(purpose, user)

        return sorted(last_seen, key=urgency, reverse=True)

    def _drawn(self, purpose: str, user: int) -> float:
        """Return a number from 0 to 1 that nobody can foresee without the seed."""
        drawn = hmac.digest(self.seed, f"{purpose}:{self.now.isoformat()}:{user}".encode(), "sha256")
        return int.from_bytes(drawn[:8]) / 2**64


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
        self._first = schedule.due(last_seen, "permissions", PERMISSIONS_SHARE) | {
            u.id for u in users if any(e.admin for e in u.access or [])
        }
        for user in schedule.order(last_seen, "permissions"):
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
    asked = schedule.due(last_seen, "roles", ROLES_SHARE)
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
