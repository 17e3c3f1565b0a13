"""What stories are told with: the people to whom something may happen, and the findings that follow."""

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
"""The dialects that show the evidence; the brief one knows no permission sets."""

_FREE_IDS = 500
"""How far above the highest role a missing one is taken to be, beyond the roles that stories add."""


class NoRoomError(Exception):
    """The company has no room for the story: it is too small, or too much has happened."""


@dataclass(slots=True)
class Stage:
    """A company, and what a story may do to it.

    Attributes:
        company: changed in place.
        calendar: gives the dates.
        rng: the source of chance.
        keep: how many of the cast are left for later stories.
        changes: how many grants may still change, where that is limited.
    """

    company: Company
    calendar: Calendar
    rng: random.Random
    keep: int = 0
    changes: int | None = None

    # People.

    def people(self, number: int, *, holding: str | None = None, changes: int = 0) -> list[User]:
        """Return ordinary users to whom nothing has happened, who hold a flag if one is named.

        Raises:
            NoRoomError: if there are too few, or if `changes` are too many; nobody is taken then.
        """
        users = (self.company.users[user_id] for user_id in self.company.cast)
        found = [u for u in users if holding is None or holding in self.company.explained(u.id)][:number]
        if len(found) < number or len(self.company.cast) - number < self.keep:
            raise NoRoomError
        self.spend(changes)
        for user in found:
            self.company.cast.remove(user.id)
        return found

    def person(self, *, holding: str | None = None, changes: int = 0) -> User:
        """Return one ordinary user, as `people` does."""
        return self.people(1, holding=holding, changes=changes)[0]

    def spend(self, changes: int) -> None:
        """Take so many changes of grants from what there is room for.

        Raises:
            NoRoomError: if it is too many.
        """
        if self.changes is not None:
            if changes > self.changes:
                raise NoRoomError
            self.changes -= changes

    def partial_admin(self, user: User) -> User:
        """Make a user admin of the deals only: the number of account_settings admins stays what it is."""
        self.company.make_admin(user.id, "sales")
        return user

    def account_admins(self) -> list[User]:
        """Return the active admins of the account settings."""
        people = self.company.users.values()
        return [user for user in people if user.active and "account_settings" in user.admin_apps]

    def leave(self, user: User) -> None:
        """Let a user leave; what they had stays with them."""
        self.company.deactivate(user.id)
        user.modified = user.last_login

    # Roles.

    def seat(self, user: User) -> Assignment:
        """Return a user's place."""
        return self.company.assignments[user.id][0]

    def other_role(self, user: User) -> int:
        """Return a role with people or roles in it, which the user is not in and where all hold the same.

        Where somebody's sets grant something sensitive, one more who lacks it could make it unusual.
        """
        company = self.company
        own = {row.role_id for row in company.assignments[user.id]}
        parents = {role.parent_role_id for role in company.roles.values()}
        found = []
        for role in company.roles.values():
            people = [u for u in self.members(role.id) if not u.admin_apps]
            if (
                role.active
                and role.id not in own | {DEFAULT_ROLE}
                and (people or role.id in parents)
                and self.rooted(role)
                and not any(sensitive(company, member) for member in people)
            ):
                found.append(role.id)
        return self.rng.choice(found)

    def members(self, role_id: int) -> list[User]:
        """Return the active users who sit in a role."""
        company = self.company
        found = [company.users[row.user_id] for row in company.members(role_id) if row.active]
        return [user for user in found if user.active]

    def new_to(self, role: Role, user: User) -> list[str]:
        """Return the flags of a user's sets that fewer than half of a role's members hold."""
        members = [self.company.permissions(member.id) for member in self.members(role.id)]
        held = sorted(self.company.explained(user.id))
        return [flag for flag in held if 2 * sum(flags[flag] for flags in members) < len(members)]

    def rooted(self, role: Role) -> bool:
        """Return whether the way up from a role ends, at a role that is there."""
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
        """Return the company's own permission set of this name; a new one where there is none."""
        for entry in self.company.sets.values():
            if entry.name == name:
                return entry
        set_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        entry = PermissionSet(set_id, name, app, "custom", sorted(contents))
        self.company.sets[set_id] = entry
        return entry

    def give_set(self, user: User, entry: PermissionSet) -> None:
        """Give a user a permission set, in place of the one of the same app."""
        others = [access for access in user.access or [] if access.app != entry.app]
        user.access = [*others, Access(entry.app, False, entry.id)]

    def deviate(self, user: User, *flags: str) -> None:
        """Give an active user flags that no set of theirs grants."""
        for flag in flags:
            self.company.grant(user.id, flag)
            # only who is shown the sets can tell
            self.found("unexplained_permission", user, flag, dialects=OFFICIAL)
        self.unusual(user, *flags)

    def unusual(self, user: User, *flags: str) -> None:
        """Note that a user alone holds flags in their role, of which some may be sensitive."""
        for flag in flags:
            if (user.id, flag) not in self.company.deviations:
                self.company.deviations.append((user.id, flag))
            if flag in SENSITIVE:
                self.found("sensitive_permission", user, flag)

    # The truth.

    def found_toxic(self, combination: str, subject: User | PermissionSet) -> None:
        """Write down that a user, or a set by itself, holds a toxic combination; only the sets can tell."""
        self.found(combination, subject, combination, dialects=OFFICIAL)

    def found(
        self,
        rule: str,
        subject: User | Role | PermissionSet,
        what: str | None = None,
        *,
        severity: str | None = None,
        dialects: tuple[str, ...] = BOTH,
        later: bool = False,
    ) -> None:
        """Write a finding down; `later` it only comes with a week of history."""
        kind = {User: "user", Role: "role", PermissionSet: "permission_set"}[type(subject)]
        finding = Finding(rule, kind, str(subject.id), what, severity or SEVERITIES[rule], dialects)
        truth = self.company.later if later else self.company.planted
        if finding not in truth:
            truth.append(finding)

    def found_company(self, rule: str) -> None:
        """Write a finding about the company down."""
        self.company.planted.append(Finding(rule, "company", str(self.company.id), None, SEVERITIES[rule]))

    def gone(self, rule: str, subject: str) -> None:
        """Take the findings of a rule about a subject out of the truth."""
        planted = self.company.planted
        planted[:] = [entry for entry in planted if (entry.rule, entry.subject_id) != (rule, subject)]


Story = Callable[[Stage], None]
"""Something that happens to a company, and what the rules say about it."""

Variants = tuple[Story, ...]
"""The forms in which one kind of anomaly is met."""
