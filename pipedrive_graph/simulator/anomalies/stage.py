"""What stories use: users to choose from, changes to the company, and the expected findings."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from pipedrive_graph.simulator.anomalies.cast import sensitive
from pipedrive_graph.simulator.anomalies.severities import SEVERITIES
from pipedrive_graph.simulator.dates import Calendar
from pipedrive_graph.simulator.model import (
    DEFAULT_ROLE,
    Access,
    Assignment,
    Company,
    Finding,
    PermissionSet,
    Role,
    User,
)
from pipedrive_graph.simulator.permissions import SENSITIVE

BOTH: tuple[str, ...] = ("official", "brief")
OFFICIAL: tuple[str, ...] = ("official",)
"""The dialects that show the evidence; the brief dialect has no permission sets."""

_FREE_IDS = 500
"""The distance from the highest role id to the id of a missing role, so that new roles do not get it."""


class NoRoomError(Exception):
    """The company cannot hold another story: it is too small, or too much has happened."""


@dataclass(slots=True)
class Stage:
    """A company, and the operations of a story on it.

    Attributes:
        company: changed in place.
        calendar: provides dates.
        rng: the random generator.
        keep: how many users of the cast are kept for later stories.
        changes: how many grants may still change; None if that is not limited.
    """

    company: Company
    calendar: Calendar
    rng: random.Random
    keep: int = 0
    changes: int | None = None

    # Users.

    def people(self, number: int, *, holding: str | None = None, changes: int = 0) -> list[User]:
        """Take ordinary users from the cast, who hold the flag `holding` if it is given.

        Raises:
            NoRoomError: if there are too few users, or too many `changes`; then no user is taken.
        """
        users = (self.company.users[user_id] for user_id in self.company.cast)
        chosen = [u for u in users if holding is None or holding in self.company.explained(u.id)][:number]
        if len(chosen) < number or len(self.company.cast) - number < self.keep:
            raise NoRoomError
        self.spend(changes)
        for user in chosen:
            self.company.cast.remove(user.id)
        return chosen

    def person(self, *, holding: str | None = None, changes: int = 0) -> User:
        """Take one ordinary user, as `people` does."""
        return self.people(1, holding=holding, changes=changes)[0]

    def spend(self, changes: int) -> None:
        """Use up changes of grants.

        Raises:
            NoRoomError: if not enough changes are left.
        """
        if self.changes is not None:
            if changes > self.changes:
                raise NoRoomError
            self.changes -= changes

    def partial_admin(self, user: User) -> User:
        """Make a user an admin of the deals only; the number of account settings admins stays the same."""
        self.company.make_admin(user.id, "sales")
        return user

    def account_admins(self) -> list[User]:
        """Return the active admins of the account settings."""
        people = self.company.users.values()
        return [user for user in people if user.active and "account_settings" in user.admin_apps]

    def leave(self, user: User) -> None:
        """Deactivate a user, who keeps all access."""
        self.company.deactivate(user.id)
        user.modified = user.last_login

    # Roles.

    def seat(self, user: User) -> Assignment:
        """Return the assignment of a user to a role."""
        return self.company.assignments[user.id][0]

    def other_role(self, user: User) -> int:
        """Return a role that the user is not in, with members or child roles.

        None of its members has a permission set that grants something sensitive: another member without it
        could make it unusual.
        """
        company = self.company
        own = {row.role_id for row in company.assignments[user.id]}
        parents = {role.parent_role_id for role in company.roles.values()}
        role_ids = []
        for role in company.roles.values():
            people = [u for u in self.members(role.id) if not u.admin_apps]
            if (
                role.active
                and role.id not in own | {DEFAULT_ROLE}
                and (people or role.id in parents)
                and self.rooted(role)
                and not any(sensitive(company, member) for member in people)
            ):
                role_ids.append(role.id)
        return self.rng.choice(role_ids)

    def members(self, role_id: int) -> list[User]:
        """Return the active users of a role."""
        company = self.company
        users = [company.users[row.user_id] for row in company.members(role_id) if row.active]
        return [user for user in users if user.active]

    def new_to(self, role: Role, user: User) -> list[str]:
        """Return the flags of a user's permission sets that fewer than half of a role's members hold."""
        members = [self.company.permissions(member.id) for member in self.members(role.id)]
        held = sorted(self.company.explained(user.id))
        return [flag for flag in held if 2 * sum(flags[flag] for flags in members) < len(members)]

    def rooted(self, role: Role) -> bool:
        """Return whether the chain of parents of a role ends at an existing root."""
        seen: set[int] = set()
        while role.parent_role_id not in (None, role.id):
            if role.id in seen or role.parent_role_id not in self.company.roles:
                return False
            seen.add(role.id)
            role = self.company.roles[role.parent_role_id]
        return True

    def missing_role(self) -> int:
        """Return the id of a role that does not exist."""
        return max(self.company.roles) + _FREE_IDS + self.rng.randint(11, 99)

    def new_role(self, name: str, parent: int | None, *, active: bool = True) -> Role:
        """Add a role."""
        roles = self.company.roles
        role = Role(max(roles) + 1, name, parent, active=active)
        role.settings = dict(roles[DEFAULT_ROLE].settings)
        roles[role.id] = role
        return role

    # Permission sets and flags.

    def own_set(self, name: str, app: str, *contents: str) -> PermissionSet:
        """Return the company's custom permission set of this name; create it if necessary."""
        for entry in self.company.sets.values():
            if entry.name == name:
                return entry
        set_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        entry = PermissionSet(set_id, name, app, "custom", sorted(contents))
        self.company.sets[set_id] = entry
        return entry

    def give_set(self, user: User, entry: PermissionSet) -> None:
        """Give a user a permission set, instead of the one of the same app."""
        others = [access for access in user.access or [] if access.app != entry.app]
        user.access = [*others, Access(entry.app, False, entry.id)]

    def deviate(self, user: User, *flags: str) -> None:
        """Grant an active user flags that none of their permission sets grants."""
        for flag in flags:
            self.company.grant(user.id, flag)
            # visible only in the dialect with permission sets
            self.expect("unexplained_permission", user, flag, dialects=OFFICIAL)
        self.unusual(user, *flags)

    def unusual(self, user: User, *flags: str) -> None:
        """Record that a user is the only one of their role with these flags; sensitive ones are findings."""
        for flag in flags:
            if (user.id, flag) not in self.company.deviations:
                self.company.deviations.append((user.id, flag))
            if flag in SENSITIVE:
                self.expect("sensitive_permission", user, flag)

    # The expected findings.

    def expect_toxic(self, combination: str, subject: User | PermissionSet) -> None:
        """Expect a finding about a toxic combination of a user or a permission set."""
        self.expect(combination, subject, combination, dialects=OFFICIAL)

    def expect(
        self,
        rule: str,
        subject: User | Role | PermissionSet,
        what: str | None = None,
        *,
        severity: str | None = None,
        dialects: tuple[str, ...] = BOTH,
        later: bool = False,
    ) -> None:
        """Expect a finding; with `later`, only after a week of history."""
        kind = {User: "user", Role: "role", PermissionSet: "permission_set"}[type(subject)]
        finding = Finding(rule, kind, str(subject.id), what, severity or SEVERITIES[rule], dialects)
        truth = self.company.later if later else self.company.planted
        if finding not in truth:
            truth.append(finding)

    def expect_company(self, rule: str) -> None:
        """Expect a finding about the company."""
        self.company.planted.append(Finding(rule, "company", str(self.company.id), None, SEVERITIES[rule]))

    def unexpect(self, rule: str, subject: str) -> None:
        """Remove the findings of a rule about a subject from the expected ones."""
        planted = self.company.planted
        planted[:] = [entry for entry in planted if (entry.rule, entry.subject_id) != (rule, subject)]


Story = Callable[[Stage], None]
"""Changes a company, and records the findings that must follow."""

Variants = tuple[Story, ...]
"""The variants of one kind of anomaly."""
