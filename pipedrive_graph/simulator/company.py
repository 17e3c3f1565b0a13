"""Generates a company from a size and a seed: roles, permission sets, users; then plants the anomalies.

The same (users, seed, now) always gives the same company. Before anomalies are planted, the company is
consistent: none of the rules that the anomalies are for fires on it.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from datetime import UTC, datetime

from pipedrive_graph.simulator.anomalies import choose_cast, plant, sensitive, spare
from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.departments import Department, grow_roles
from pipedrive_graph.simulator.furnish import furnish
from pipedrive_graph.simulator.model import (
    DEFAULT_ROLE,
    ZERO_DATE,
    Access,
    Company,
    PermissionSet,
    User,
)
from pipedrive_graph.simulator.people import PLACES, Directory, Place
from pipedrive_graph.simulator.permissions import SET_TEMPLATES

SMALLEST, LARGEST = 5, 50_000


_MANAGER_SETS = {"sales.regular": "sales.manager", "global.regular": "global.manager"}
_FULL_ADMIN = ("sales.admin", "global.admin", "account_settings.admin")
_PARTIAL_ADMIN = ("sales.admin", "global.regular")


def generate(
    users: int = 300,
    seed: int = 1,
    now: datetime | None = None,
    clean: bool = False,
    plan: str = "premium",
) -> Company:
    """Return the company of this size and seed.

    Args:
        users: number of users, including inactive ones; 5 to 50,000.
        seed: of the random generator; if seed % 3 is 1, `single_admin` is planted, if 2, `too_many_admins`.
        now: the time from which dates are counted back; by default the current time.
        clean: plant no anomalies.
        plan: the company's plan, which decides what its visibility settings mean.

    Raises:
        ValueError: if the number of users is out of range.
    """
    if not SMALLEST <= users <= LARGEST:
        raise ValueError(f"A company has {SMALLEST} to {LARGEST:,} users, not {users:,}.")
    company = _Generator(users, seed, now or datetime.now(UTC)).generate(clean=clean)
    company.plan = plan
    furnish(company, clean=clean)
    return company


class _Generator:
    """Generates one company, step by step, from one random generator."""

    def __init__(self, size: int, seed: int, now: datetime) -> None:
        # Reproducible on purpose; not used for secrets.
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

    def generate(self, *, clean: bool) -> Company:
        """Return the company, with anomalies unless `clean`."""
        company = self._company
        teams = grow_roles(company, self._size, self._rng)
        self._employ(teams)
        self._lead(teams)
        self._appoint_admins()
        self._leave()
        company.cast = choose_cast(company, self._calendar, self._rng)
        if not clean:
            plant(company, self._calendar, self._rng)
        return company

    def _employ(self, teams: dict[int, Department]) -> None:
        """Create all users: active, oldest first, each in one team with the permission sets of that team."""
        company, rng = self._company, self._rng
        young = round(0.02 * self._size)
        ages = sorted((self._calendar.age(100, 3000) for _ in range(self._size - young)), reverse=True)
        ages += sorted((self._calendar.age(0.5, 11.5) for _ in range(young)), reverse=True)
        leaves, weights = list(teams), [department.weight for department in teams.values()]
        user_id = 11_000_000 + rng.randrange(9_000_000)
        # The first users fill every team, so that no team is empty.
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
        # Most users log in often, some rarely, but nobody so rarely that it is a finding.
        furthest = min(age, 4 if rng.random() < 0.8 else 80)
        login: str | None = self._calendar.ago(0.01, furthest)
        if age < 12 and rng.random() < 0.4:
            login = rng.choice((ZERO_DATE, None))  # accepted the invitation, and has not logged in yet
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
        sets = (self._sets[key] for key in keys)
        return [Access(entry.app, entry.kind == "admin", entry.id) for entry in sets]

    def _lead(self, teams: dict[int, Department]) -> None:
        """Make one member of each team of at least four a manager: manager sets, and the role above.

        Managers share roles with other managers, as Pipedrive advises, so their permissions are usual there.
        """
        company = self._company
        seats = {user_id: rows[0].role_id for user_id, rows in company.assignments.items()}
        by_team: dict[int, list[int]] = {}
        for user_id, role_id in seats.items():
            by_team.setdefault(role_id, []).append(user_id)
        for role_id, members in by_team.items():
            above = company.roles[role_id].parent_role_id or DEFAULT_ROLE
            if len(members) >= 4 and above != DEFAULT_ROLE:
                keys = (_MANAGER_SETS.get(key, key) for key in teams[role_id].sets)
                company.users[members[0]].access = self._access(*keys)
                company.move(members[0], above)

    def _appoint_admins(self) -> None:
        """Make about 3 % of the users admins, the token's owner first; at least two in full."""
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
        plain = [user for user in people if not user.admin_apps]
        company.plain_user_id = next((user for user in plain if not sensitive(company, user)), plain[0]).id

    def _leave(self) -> None:
        """Make some users newly invited, and let others leave, with nothing but the default role."""
        company, rng, size = self._company, self._rng, self._size
        people = [user for user in company.users.values() if spare(company, self._calendar, user)]
        rng.shuffle(people)
        invited, left, deleted = round(0.015 * size), round(0.04 * size), round(0.02 * size)
        # a team keeps at least two members, so that no role is empty
        seats = Counter(rows[0].role_id for rows in company.assignments.values())
        for user in people[:invited]:
            user.name = user.email
            user.created = user.last_login = user.modified = user.phone = user.icon_url = None
            user.locale = user.default_currency = None
            user.timezone_name = user.timezone_offset = None
        for user in people[invited:]:
            role_id = company.assignments[user.id][0].role_id
            if seats[role_id] < 3 or not left + deleted:
                continue
            seats[role_id] -= 1
            if left:
                left -= 1
                user.access = []
                user.last_login = user.modified = self._calendar.ago(0.5, 95)
                company.deactivate(user.id)
                company.move(user.id, DEFAULT_ROLE)
            else:
                deleted -= 1
                company.delete(user.id)


def _ordinary(user: User) -> bool:
    return user.active and user.last_login not in (None, ZERO_DATE)
