"""Plants anomalies into a clean company, and writes down every finding that follows from each.

One user, one story. A story changes one ordinary user and lists what the rule catalogue says about the
result, to the letter; no rule is computed here from the company, so that a rule misread by whoever
implements it shows as a difference. Two stories are about the whole company and exclude each other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import (
    DEFAULT_ROLE,
    ZERO_DATE,
    Assignment,
    Company,
    Finding,
    Role,
    User,
)

SEVERITIES = {
    "dormant_admin": "high",
    "dormant_user": "medium",
    "never_logged_in": "medium",
    "inactive_user_with_role": "medium",
    "inactive_user_with_permissions": "medium",
    "inactive_admin": "high",
    "user_without_role": "medium",
    "role_mismatch": "medium",
    "multiple_roles": "medium",
    "dangling_role_assignment": "high",
    "single_admin": "high",
    "too_many_admins": "medium",
    "admin_flag_mismatch": "high",
    "unexplained_permission": "high",
}
"""The rules for which anomalies are planted, with their severity unless a story says otherwise."""

_SETTLED = 95
"""Days: younger users are left alone, for a story may need a login long ago."""

_EXTRAS = (
    "can_export_data_from_lists",
    "can_delete_deals",
    "can_see_hidden_items_names",
    "can_edit_deals_closed_date",
)
"""Flags that no department's sets grant."""


def spare(company: Company, calendar: Calendar, user: User) -> bool:
    """Return whether a user is ordinary, so that a story may happen to them without telling another."""
    return (
        user.active
        and not user.admin_apps
        and user.created is not None
        and user.last_login not in (None, ZERO_DATE)
        and calendar.days_since(user.created) > _SETTLED
        and user.id not in (company.owner_id, company.plain_user_id)
    )


def plant(company: Company, calendar: Calendar, rng: random.Random) -> None:
    """Plant each story's share of anomalies, fewer in a company of under 40 users.

    Args:
        company: a clean company; changed in place, `company.planted` is the truth.
        calendar: gives the dates.
        rng: the source of chance.
    """
    people = [user for user in company.users.values() if spare(company, calendar, user)]
    rng.shuffle(people)
    planter = _Planter(company, calendar, rng, iter(people))
    size = len(company.users)
    stories = planter.stories()
    if size < 40:
        # Which ones a small company has is up to its seed; a third of its people stay ordinary at least.
        rng.shuffle(stories)
        stories = stories[: min(size // 5, len(people) * 2 // 3)]
    rounds = max(1, round(size**0.5 / 6))
    for variants in stories:
        start = company.seed % len(variants)
        for variant in islice(cycle(variants), start, start + rounds):
            variant()
    if size >= 12:
        (planter.nothing, planter.single_admin, planter.too_many_admins)[company.seed % 3]()


Story = Callable[[], None]


@dataclass(slots=True)
class _Planter:
    """The stories. Each takes the next ordinary user and leaves them with its anomaly."""

    company: Company
    calendar: Calendar
    rng: random.Random
    people: Iterator[User]

    def stories(self) -> list[tuple[Story, ...]]:
        """Return the stories: for each rule, the forms in which it is met."""
        return [
            (self.admin_long_gone, self.admin_never_came),
            (self.long_gone,),
            (self.never_came,),
            (self.left_with_role, self.left_with_everything),
            (self.left_with_sets, self.left_with_flags),
            (self.left_as_admin, self.deleted_as_admin),
            (self.nowhere, self.default_role_only, self.place_switched_off),
            (self.admin_nowhere,),
            (self.elsewhere,),
            (self.two_roles, self.two_other_roles),
            (self.role_gone, self.role_inactive),
            (self.flagged_as_admin, self.not_flagged_as_admin),
            (self.extra_flag, self.extra_flags),
        ]

    # Accounts.

    def admin_long_gone(self) -> None:
        user = self._next_admin()
        self._last_seen_long_ago(user)
        self._found("dormant_admin", user)

    def admin_never_came(self) -> None:
        user = self._next_admin()
        self._never_seen(user, youngest=33)
        self._found("dormant_admin", user)

    def long_gone(self) -> None:
        user = next(self.people)
        self._last_seen_long_ago(user)
        self._found("dormant_user", user)

    def never_came(self) -> None:
        user = next(self.people)
        self._never_seen(user, youngest=17)
        self._found("never_logged_in", user)

    def left_with_role(self) -> None:
        user = next(self.people)
        user.access = []
        self._leave(user)
        self._found("inactive_user_with_role", user, str(user.role_id))

    def left_with_everything(self) -> None:
        user = next(self.people)
        self._leave(user)
        self._found("inactive_user_with_role", user, str(user.role_id))
        self._found("inactive_user_with_permissions", user)

    def left_with_sets(self) -> None:
        user = next(self.people)
        self._leave(user)
        self.company.move(user.id, DEFAULT_ROLE)
        self._found("inactive_user_with_permissions", user)

    def left_with_flags(self) -> None:
        user = next(self.people)
        user.access = []
        self._leave(user)
        self.company.move(user.id, DEFAULT_ROLE)
        self._grant(user, 1)
        self._found("inactive_user_with_permissions", user)

    def left_as_admin(self) -> None:
        user = self._next_admin()
        self._leave(user)
        self.company.move(user.id, DEFAULT_ROLE)
        self._found("inactive_admin", user)
        self._found("inactive_user_with_permissions", user)

    def deleted_as_admin(self) -> None:
        user = next(self.people)
        self.company.delete(user.id)
        self.company.make_admin(user.id)
        self._found("inactive_admin", user)
        self._found("inactive_user_with_permissions", user)

    # Structure.

    def nowhere(self) -> None:
        user = next(self.people)
        self.company.assignments[user.id] = []
        user.role_id = DEFAULT_ROLE
        self._found("user_without_role", user)

    def default_role_only(self) -> None:
        user = next(self.people)
        self.company.move(user.id, DEFAULT_ROLE)
        self._found("user_without_role", user)

    def place_switched_off(self) -> None:
        user = next(self.people)
        self._seat(user).active = False
        self._found("user_without_role", user)

    def admin_nowhere(self) -> None:
        user = self._next_admin()
        self.company.move(user.id, DEFAULT_ROLE)
        self._found("user_without_role", user, severity="high")

    def elsewhere(self) -> None:
        user = next(self.people)
        user.role_id = self._other_role(user)
        self._found("role_mismatch", user)

    def two_roles(self) -> None:
        user = next(self.people)
        self.company.assign(user.id, self._other_role(user))
        self._found("multiple_roles", user)

    def two_other_roles(self) -> None:
        user = next(self.people)
        self.company.assign(user.id, self._other_role(user))
        # Unnamed in /users, the default role is neither of the two.
        user.role_id = DEFAULT_ROLE
        self._found("multiple_roles", user)
        self._found("role_mismatch", user)

    def role_gone(self) -> None:
        user = next(self.people)
        missing = max(self.company.roles) + self.rng.randint(11, 99)
        self.company.move(user.id, missing)
        self._found("dangling_role_assignment", user, str(missing))

    def role_inactive(self) -> None:
        user = next(self.people)
        role_id = self._inactive_role(self._seat(user).role_id)
        self.company.move(user.id, role_id)
        self._found("dangling_role_assignment", user, str(role_id))

    # Privilege.

    def flagged_as_admin(self) -> None:
        user = next(self.people)
        user.is_admin = 1
        self._found("admin_flag_mismatch", user, dialects=("brief",))

    def not_flagged_as_admin(self) -> None:
        user = self._next_admin()
        user.is_admin = 0
        self._found("admin_flag_mismatch", user, dialects=("brief",))

    def extra_flag(self) -> None:
        self._grant(next(self.people), 1)

    def extra_flags(self) -> None:
        self._grant(next(self.people), 2)

    # The company as a whole.

    def nothing(self) -> None:
        """Leave the number of admins as it is."""

    def single_admin(self) -> None:
        for user in self._account_admins():
            if user.id != self.company.owner_id:
                self.company.drop_admin(user.id)
                self._partial_admin(user)
        self._found_company("single_admin")

    def too_many_admins(self) -> None:
        active = sum(user.active for user in self.company.users.values())
        # Clearly more than allowed, however the share is rounded.
        missing = int(max(4, 0.05 * active)) + 2 - len(self._account_admins())
        promoted = list(islice(self.people, missing))
        if len(promoted) == missing:
            for user in promoted:
                self.company.make_admin(user.id)
            self._found_company("too_many_admins")

    # What the stories are made of.

    def _next_admin(self) -> User:
        user = next(self.people)
        self._partial_admin(user)
        return user

    def _partial_admin(self, user: User) -> None:
        # Of the deals only, so that the number of account_settings admins stays what it is.
        self.company.make_admin(user.id, "sales")

    def _account_admins(self) -> list[User]:
        people = self.company.users.values()
        return [user for user in people if user.active and "account_settings" in user.admin_apps]

    def _last_seen_long_ago(self, user: User) -> None:
        oldest = self.calendar.days_since(user.created or "")
        user.last_login = user.modified = self.calendar.ago(93, min(oldest, 700))

    def _never_seen(self, user: User, youngest: float) -> None:
        user.created = user.modified = self.calendar.ago(youngest, 700)
        user.last_login = self.rng.choice((ZERO_DATE, None))

    def _leave(self, user: User) -> None:
        self.company.deactivate(user.id)
        user.modified = user.last_login

    def _seat(self, user: User) -> Assignment:
        return self.company.assignments[user.id][0]

    def _other_role(self, user: User) -> int:
        own = {row.role_id for row in self.company.assignments[user.id]}
        roles = self.company.roles.values()
        others = [role.id for role in roles if role.active and role.id != DEFAULT_ROLE]
        return self.rng.choice([role_id for role_id in others if role_id not in own])

    def _inactive_role(self, beside: int) -> int:
        """Return an inactive role: one there is already, or a new one beside the given role."""
        roles = self.company.roles
        inactive = [role.id for role in roles.values() if not role.active]
        if inactive and self.rng.random() < 0.7:
            return self.rng.choice(inactive)
        parent = roles[beside].parent_role_id
        role = Role(max(roles) + 1, "Old campaign team", parent, active=False)
        role.settings = dict(roles[beside].settings)
        roles[role.id] = role
        return role.id

    def _grant(self, user: User, number: int) -> None:
        """Give flags that the user's sets do not explain; only who is shown the sets can tell."""
        for flag in self.rng.sample(_EXTRAS, number):
            self.company.grant(user.id, flag)
            self._found("unexplained_permission", user, flag, dialects=("official",))

    def _found(
        self,
        rule: str,
        user: User,
        what: str | None = None,
        *,
        severity: str | None = None,
        dialects: tuple[str, ...] = ("official", "brief"),
    ) -> None:
        self.company.planted.append(
            Finding(rule, "user", str(user.id), what, severity or SEVERITIES[rule], dialects)
        )

    def _found_company(self, rule: str) -> None:
        self.company.planted.append(Finding(rule, "company", str(self.company.id), None, SEVERITIES[rule]))
