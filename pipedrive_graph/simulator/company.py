"""Generates a company from its size and a seed: roles, permission sets, users; then plants the anomalies.

The same (users, seed, now) always gives the same company. Before anything is planted it is consistent: no
rule that the anomalies are planted for fires on it.
"""

from __future__ import annotations

import math
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from pipedrive_graph.simulator.anomalies import plant, spare
from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import (
    DEFAULT_ROLE,
    ZERO_DATE,
    Access,
    Company,
    PermissionSet,
    Role,
    User,
)
from pipedrive_graph.simulator.people import PLACES, Directory, Place
from pipedrive_graph.simulator.permissions import SET_TEMPLATES

SMALLEST, LARGEST = 5, 50_000


@dataclass(frozen=True, slots=True)
class _Department:
    name: str
    weight: int
    sets: tuple[str, ...]


_DEPARTMENTS = (
    _Department("Sales", 10, ("sales.regular", "global.regular")),
    _Department("Customer Success", 5, ("sales.regular", "global.regular", "projects.regular")),
    _Department("Inside Sales", 4, ("sales.inside", "global.regular")),
    _Department("Marketing", 3, ("sales.reading", "global.regular", "campaigns.regular")),
    _Department("Finance", 2, ("sales.finance", "global.regular")),
    _Department("Integrations", 1, ("sales.reading", "global.technical")),
)
_REGIONS = ("EMEA", "Americas", "APAC", "Nordics", "DACH", "Iberia", "Benelux", "CEE")
_MANAGER_SETS = {"sales.regular": "sales.manager", "global.regular": "global.manager"}
_FULL_ADMIN = ("sales.admin", "global.admin", "account_settings.admin")
_PARTIAL_ADMIN = ("sales.admin", "global.regular")


def generate(users: int = 300, seed: int = 1, now: datetime | None = None, clean: bool = False) -> Company:
    """Return the company of this size and seed.

    Args:
        users: how many users `users` lists, inactive ones included; 5 to 50,000.
        seed: everything that is left to chance; modulo 3, 1 plants `single_admin`, 2 `too_many_admins`.
        now: what the dates are counted back from; the real now by default.
        clean: plant nothing.

    Raises:
        ValueError: if the number of users is out of range.
    """
    if not SMALLEST <= users <= LARGEST:
        raise ValueError(f"A company has {SMALLEST} to {LARGEST:,} users, not {users:,}.")
    return _Founder(users, seed, now or datetime.now(UTC)).found(clean=clean)


class _Founder:
    """Founds one company, step by step, out of one source of chance."""

    def __init__(self, size: int, seed: int, now: datetime) -> None:
        # Chance that can be repeated is the point here; nothing secret hangs on it.
        self._rng = random.Random(f"{size}:{seed}")  # noqa: S311
        self._size = size
        self._calendar = Calendar(now, self._rng)
        self._sets = {
            template.key: PermissionSet(
                id=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
                name=template.name,
                app=template.app,
                kind=template.kind,
                contents=sorted(template.contents),
            )
            for template in SET_TEMPLATES
        }
        name = self._rng.choice(("Northwind", "Brightforge", "Halden", "Quillbay", "Verano"))
        self._directory = Directory(self._rng, f"{name.lower()}.example")
        self._company = Company(
            id=9_100_000 + self._rng.randrange(90_000),
            name=f"{name} Example",
            domain=f"{name.lower()}-example",
            seed=seed,
            now=now,
            owner_id=0,
            plain_user_id=0,
            users={},
            roles={},
            assignments={},
            sets={entry.id: entry for entry in self._sets.values()},
        )

    def found(self, *, clean: bool) -> Company:
        """Return the company, with its anomalies unless it is to be clean."""
        company = self._company
        teams = self._grow_roles()
        self._employ(teams)
        self._lead(teams)
        self._appoint_admins()
        self._leave()
        if not clean:
            plant(company, self._calendar, self._rng)
        return company

    def _grow_roles(self) -> dict[int, _Department]:
        """Create the tree; returns the leaves, in which people sit, with their department."""
        rng, roles = self._rng, self._company.roles
        # Both forms of a root are met: without a parent, and its own parent.
        parent = DEFAULT_ROLE if self._company.seed % 2 else None
        roles[DEFAULT_ROLE] = Role(
            DEFAULT_ROLE,
            "(Unassigned users)",
            parent,
            description="This is the default group; new users land here unless moved.",
        )
        wanted = max(4, round(2 * math.sqrt(self._size)))
        last = DEFAULT_ROLE

        def grow(name: str, parent_id: int) -> int:
            nonlocal last
            # Ids have gaps where roles were deleted once.
            last += 1 if rng.random() < 0.8 else rng.randint(2, 9)
            roles[last] = Role(last, name, parent_id)
            return last

        departments = _DEPARTMENTS[: max(2, min(len(_DEPARTMENTS), wanted // 3))]
        heads = {grow(department.name, DEFAULT_ROLE): department for department in departments}
        regions: dict[int, _Department] = {}
        for region in _REGIONS[: max(1, min(len(_REGIONS), wanted // (2 * len(heads))))]:
            for head, department in heads.items():
                if len(roles) < wanted:
                    regions[grow(f"{region} {department.name}", head)] = department
        number = 1
        branches = dict(regions or heads)
        while len(roles) < wanted:
            for branch, department in branches.items():
                if len(roles) < wanted:
                    grow(f"{roles[branch].name} {number}", branch)
                    regions[last] = department
            number += 1
        parents = {role.parent_role_id for role in roles.values()}
        for role in roles.values():
            role.settings = _visibility(rng)
        # Levels of access are the default role's alone.
        kinds = ("deal", "org", "person", "product")
        roles[DEFAULT_ROLE].settings |= {f"{kind}_access_level": 1 for kind in kinds}
        return {
            role_id: department
            for role_id, department in {**heads, **regions}.items()
            if role_id not in parents
        }

    def _employ(self, teams: dict[int, _Department]) -> None:
        """Hire everybody: ordinary active users, oldest first, each in one team with that team's sets."""
        company, rng = self._company, self._rng
        young = round(0.02 * self._size)
        ages = sorted((self._calendar.age(100, 3000) for _ in range(self._size - young)), reverse=True)
        ages += sorted((self._calendar.age(0.5, 11.5) for _ in range(young)), reverse=True)
        leaves, weights = list(teams), [department.weight for department in teams.values()]
        user_id = 11_000_000 + rng.randrange(9_000_000)
        # The first ones fill every team, so that none is empty.
        seats = [*leaves, *rng.choices(leaves, weights, k=self._size)]
        for age, team in zip(ages, seats, strict=False):
            user_id += rng.randint(1, 60)
            user = self._person(user_id, age, rng.choice(PLACES))
            user.access = self._access(*teams[team].sets)
            company.users[user_id] = user
            company.move(user_id, team)
        owner = next(iter(company.users.values()))
        owner.has_created_company = True
        company.owner_id = owner.id

    def _person(self, user_id: int, age: float, place: Place) -> User:
        """Return an active user created `age` days ago."""
        rng = self._rng
        name, email = self._directory.hire()
        # Most people log in daily, some were away for long, but nobody so long that it were a finding.
        furthest = min(age, 4 if rng.random() < 0.8 else 80)
        login: str | None = self._calendar.ago(0.01, furthest)
        if age < 12 and rng.random() < 0.4:
            login = rng.choice((ZERO_DATE, None))  # accepted, yet to come in for the first time
        created = self._calendar.on(age)
        return User(
            id=user_id,
            name=name,
            email=email,
            created=created,
            last_login=login,
            modified=created if login in (None, ZERO_DATE) else login,
            role_id=None,
            access=[],
            phone=f"+372 5{rng.randrange(10**6):06d}" if rng.random() < 0.6 else None,
            locale=place.locale,
            default_currency=place.currency,
            timezone_name=place.timezone_name,
            timezone_offset=place.timezone_offset,
            icon_url=f"https://example.invalid/img/{user_id}.png" if rng.random() < 0.3 else None,
        )

    def _access(self, *keys: str) -> list[Access]:
        found = (self._sets[key] for key in keys)
        return [Access(entry.app, entry.kind == "admin", entry.id) for entry in found]

    def _lead(self, teams: dict[int, _Department]) -> None:
        """Give one member of each team of some size the managers' sets."""
        company = self._company
        seats = {user_id: rows[0].role_id for user_id, rows in company.assignments.items()}
        by_team: dict[int, list[int]] = {}
        for user_id, role_id in seats.items():
            by_team.setdefault(role_id, []).append(user_id)
        for role_id, members in by_team.items():
            if len(members) >= 4:
                keys = (_MANAGER_SETS.get(key, key) for key in teams[role_id].sets)
                company.users[members[0]].access = self._access(*keys)

    def _appoint_admins(self) -> None:
        """Appoint about 3 % admins, the token's owner first; at least two of the account settings."""
        company = self._company
        wanted = max(2, round(0.03 * self._size))
        people = [user for user in company.users.values() if _ordinary(user)]
        chosen = [user for user in people if user.id != company.owner_id]
        chosen = self._rng.sample(chosen, min(len(chosen), wanted - 1))
        full = max(2, round(0.02 * self._size))
        for number, user in enumerate([company.users[company.owner_id], *chosen]):
            user.access = self._access(*(_FULL_ADMIN if number < full else _PARTIAL_ADMIN))
        company.users[company.owner_id].last_login = self._calendar.on(0.05)
        company.users[company.owner_id].modified = company.users[company.owner_id].last_login
        plain = next(user for user in people if not user.admin_apps)
        company.plain_user_id = plain.id

    def _leave(self) -> None:
        """Some were invited lately, some left: cleanly, with nothing but the default role."""
        company, rng, size = self._company, self._rng, self._size
        people = [user for user in company.users.values() if spare(company, self._calendar, user)]
        rng.shuffle(people)
        invited, left, deleted = round(0.015 * size), round(0.04 * size), round(0.02 * size)
        for user in people[:invited]:
            user.name = user.email
            user.created = user.last_login = user.modified = user.phone = user.icon_url = None
            user.locale = user.default_currency = None
            user.timezone_name = user.timezone_offset = None
        for user in people[invited : invited + left]:
            user.access = []
            user.last_login = user.modified = self._calendar.ago(0.5, 95)
            company.deactivate(user.id)
            company.move(user.id, DEFAULT_ROLE)
        for user in people[invited + left : invited + left + deleted]:
            company.delete(user.id)


def _visibility(rng: random.Random) -> dict[str, int]:
    kinds = ("deal", "lead", "org", "person", "product")
    return {f"{kind}_default_visibility": rng.choice((1, 3, 5, 7)) for kind in kinds}


def _ordinary(user: User) -> bool:
    return user.active and user.last_login not in (None, ZERO_DATE)
