"""The state of a simulated company: users, roles, assignments, permission sets, and methods to change them.

Everything is mutable, so that a test can change the company between two runs. serializers.py decides how a
record looks in a response.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pipedrive_graph.simulator.permissions import FLAGS

ZERO_DATE = "0000-00-00 00:00:00"
"""What Pipedrive sends for "never", if it does not send null."""

DEFAULT_ROLE = 1
"""The id of the role of users without another role."""

NEWER_APPS = ("partnership", "nova")
"""Apps that Pipedrive added in 2025 and 2026; not every company has them."""

DELETED = "(deleted user)"
"""The name and the address of a permanently deleted user."""


@dataclass(slots=True)
class Access:
    """A user's entry in one app: whether they are its admin, and their permission set there."""

    app: str
    admin: bool
    permission_set_id: str | None


@dataclass(slots=True)
class User:
    """A user; dates are strings as the API sends them, so that tests can send anything."""

    id: int
    name: str
    email: str
    created: str | None
    last_login: str | None
    modified: str | None
    role_id: int | None
    access: list[Access] | None
    active: bool = True
    deleted: bool = False
    is_admin: int | None = None
    """The legacy field of the brief dialect, if it differs from `access`."""
    granted: set[str] = field(default_factory=set)
    """Flags that the user holds although no permission set grants them."""
    withheld: set[str] = field(default_factory=set)
    """Flags that the user lacks although a permission set grants them."""
    phone: str | None = None
    locale: str | None = None
    default_currency: str | None = None
    timezone_name: str | None = None
    timezone_offset: str | None = None
    icon_url: str | None = None
    has_created_company: bool = False
    lang: int = 1

    @property
    def admin_apps(self) -> list[str]:
        """The apps in which the user is admin."""
        return [entry.app for entry in self.access or [] if entry.admin]


@dataclass(slots=True)
class Role:
    """A role, which is a visibility group: a node of the company's tree."""

    id: int
    name: str
    parent_role_id: int | None
    active: bool = True
    description: str = ""
    listed: bool = True
    """Whether `roles` lists it; a role that is not listed can still be requested by id."""
    miscounted: int = 0
    """By how much its `assignment_count` is more than its assignments."""
    settings: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Assignment:
    """Assigns a user to a role; `role_id` may name a role that no longer exists."""

    id: int
    user_id: int
    role_id: int
    active: bool = True


@dataclass(slots=True)
class PermissionSet:
    """A permission set of one app; `kind` is called type in the API."""

    id: str
    name: str
    app: str
    kind: str
    contents: list[str]
    miscounted: int = 0
    """By how much its `assignment_count` is more than its assignments."""


@dataclass(slots=True)
class Pipeline:
    """A pipeline of deals; `hidden_from` are the roles that do not see it."""

    id: int
    name: str
    deleted: bool = False
    hidden_from: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Team:
    """A team: a manager, who may have left, and members."""

    id: int
    name: str
    manager_id: int
    members: list[int]
    active: bool = True
    deleted: bool = False


@dataclass(slots=True)
class Deal:
    """A deal; `visible_to` is 1, 3, 5 or 7, as in the settings of a role, whose value it gets at first."""

    id: int
    title: str
    owner_id: int
    pipeline_id: int
    visible_to: int
    followers: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding that a planted anomaly causes, in the dialects that show its evidence."""

    rule: str
    subject_kind: str
    subject_id: str
    object: str | None
    severity: str
    dialects: tuple[str, ...] = ("official", "brief")


def written(findings: Iterable[Finding], dialect: str) -> list[dict[str, str | None]]:
    """Return the findings that a dialect shows as sorted objects."""
    rows = (
        {
            "rule": finding.rule,
            "subject_kind": finding.subject_kind,
            "subject_id": finding.subject_id,
            "object": finding.object,
            "severity": finding.severity,
        }
        for finding in findings
        if dialect in finding.dialects
    )
    return sorted(rows, key=lambda row: tuple(value or "" for value in row.values()))


@dataclass(slots=True)
class Company:
    """A whole company. `owner_id` is the owner of the token, `plain_user_id` a user without any admin right.

    The methods that change it raise KeyError for a user, role or set that does not exist.
    """

    id: int
    name: str
    domain: str
    seed: int
    now: datetime
    owner_id: int
    plain_user_id: int
    users: dict[int, User]
    roles: dict[int, Role]
    assignments: dict[int, list[Assignment]]
    sets: dict[str, PermissionSet]
    flags: list[str] = field(default_factory=lambda: list(FLAGS))
    planted: list[Finding] = field(default_factory=list)
    later: list[Finding] = field(default_factory=list)
    """Findings that need a week of history."""
    deviations: list[tuple[int, str]] = field(default_factory=list)
    """User and flag of each grant that was planted as an exception."""
    cast: list[int] = field(default_factory=list)
    """Ids, in random order, of users who can still be in a story."""
    last_assignment: int = 0
    for_all: dict[str, bool] = field(default_factory=dict)
    """Flags that Pipedrive itself grants to everybody or revokes from everybody."""
    plan: str = "premium"
    """The plan, which decides what a `visible_to` of 3 means: lite, growth, premium or ultimate."""
    pipelines: dict[int, Pipeline] = field(default_factory=dict)
    teams: dict[int, Team] = field(default_factory=dict)
    deals: dict[int, Deal] = field(default_factory=dict)
    widened: list[tuple[int, str]] = field(default_factory=list)
    """Role and item of each default visibility that became wider between two runs."""
    answers_false: bool = False
    """Whether Pipedrive wrongly answers that nobody may do anything."""

    def permissions(self, user_id: int) -> dict[str, bool]:
        """Return every known flag with true or false, for one user.

        An admin of any app holds every flag; other users hold what their permission sets grant. `for_all`
        overrides both.
        """
        if self.answers_false:
            return dict.fromkeys(self.flags, False)
        user = self.users[user_id]
        held: set[str] = set(self.flags) if user.admin_apps else self.explained(user_id)
        held = (held | user.granted) - user.withheld
        return {flag: flag in held for flag in self.flags} | self.for_all

    def explained(self, user_id: int) -> set[str]:
        """Return the flags that the user's permission sets grant."""
        flags: set[str] = set()
        for entry in self.users[user_id].access or []:
            if entry.permission_set_id in self.sets:
                flags.update(self.sets[entry.permission_set_id].contents)
        return flags

    def members(self, role_id: int) -> list[Assignment]:
        """Return the assignments to a role, including those of inactive users."""
        return [row for rows in self.assignments.values() for row in rows if row.role_id == role_id]

    def set_id(self, app: str, kind: str) -> str:
        """Return the id of the first permission set of this app and type; KeyError if there is none."""
        for candidate in self.sets.values():
            if candidate.app == app and candidate.kind == kind:
                return candidate.id
        raise KeyError(f"{app} has no permission set of type {kind}")

    def truth(self, dialect: str) -> list[dict[str, str | None]]:
        """Return every finding that the planted anomalies cause in this dialect.

        Changes that a test makes afterwards are not included.
        """
        return written(self.planted, dialect)

    # Changes between two runs.

    def deactivate(self, user_id: int) -> None:
        """Deactivate a user, as `PUT users/{id}` does: role and permission sets stay."""
        self.users[user_id].active = False

    def reactivate(self, user_id: int) -> None:
        """Activate a user again."""
        self.users[user_id].active = True

    def delete(self, user_id: int, *, by_support: bool = False) -> None:
        """Delete a user permanently: still listed, without name, address, role and permissions.

        Args:
            user_id: the user to delete.
            by_support: as Pipedrive's support does it, which leaves a random name and address.
        """
        user = self.users[user_id]
        user.name = user.email = DELETED
        if by_support:
            scrambled = f"{user_id * 2_654_435_761 % 2**32:08x}"
            user.name, user.email = scrambled, f"{scrambled}@{scrambled[::-1]}.invalid"
        user.active, user.deleted = False, True
        user.access = []
        user.granted.clear()
        user.phone = user.icon_url = None
        self.move(user_id, DEFAULT_ROLE)

    def remove_user(self, user_id: int) -> None:
        """Remove a user: no longer listed, and 404 by id."""
        del self.users[user_id]
        self.assignments.pop(user_id, None)

    def remove_role(self, role_id: int) -> None:
        """Remove a role: no longer listed, and 404 by id; assignments to it stay."""
        del self.roles[role_id]

    def grant(self, user_id: int, flag: str) -> None:
        """Grant a user a flag, whether or not a permission set grants it."""
        user = self.users[user_id]
        self._add_flag(flag)
        user.withheld.discard(flag)
        if flag not in self.explained(user_id):
            user.granted.add(flag)

    def revoke(self, user_id: int, flag: str) -> None:
        """Revoke a flag from a user, even if a permission set grants it."""
        user = self.users[user_id]
        user.granted.discard(flag)
        if self.permissions(user_id).get(flag):
            user.withheld.add(flag)

    def move(self, user_id: int, role_id: int) -> None:
        """Assign a user to a role, and to no other: one visibility group per user."""
        self.users[user_id].role_id = role_id
        self.assignments[user_id] = []
        self.assign(user_id, role_id)

    def assign(self, user_id: int, role_id: int, *, active: bool = True) -> Assignment:
        """Add an assignment to the existing ones; the user's `role_id` stays as it is."""
        self.last_assignment += 1
        row = Assignment(self.last_assignment, user_id, role_id, active)
        self.assignments.setdefault(user_id, []).append(row)
        return row

    def edit_set(self, set_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Change the flags of a permission set, and so those of all users who have it."""
        new = set(add)
        for flag in new:
            self._add_flag(flag)
        edited = self.sets[set_id]
        edited.contents = sorted({*edited.contents, *new} - set(remove))

    def add_app(self, app: str) -> str:
        """Add an app, such as one of `NEWER_APPS`; users of the sales app get its regular set.

        Returns:
            The id of that set.
        """
        granted = {"regular": [f"can_use_{app}"], "admin": [f"can_manage_{app}", f"can_use_{app}"]}
        for kind, contents in granted.items():
            new = PermissionSet(f"{app}-{kind}", f"{app.title()} {kind}", app, kind, contents)
            self.sets[new.id] = new
            for flag in contents:
                self._add_flag(flag)
        regular = self.set_id(app, "regular")
        for user in self.users.values():
            if any(entry.app == "sales" for entry in user.access or []):
                user.access = [*(user.access or []), Access(app, False, regular)]
        return regular

    def change_for_all(self, granted: bool, *flags: str) -> None:
        """Let Pipedrive grant flags to everybody or revoke them, whatever sets, roles and assignments say."""
        for flag in flags:
            self._add_flag(flag)
            self.for_all[flag] = granted

    def make_admin(self, user_id: int, app: str = "account_settings") -> None:
        """Make a user admin of an app."""
        user = self.users[user_id]
        others = [entry for entry in user.access or [] if entry.app != app]
        user.access = [*others, Access(app, True, self.set_id(app, "admin"))]

    def drop_admin(self, user_id: int) -> None:
        """Revoke every admin right of a user; they keep a regular set, except in the account settings."""
        access: list[Access] = []
        for entry in self.users[user_id].access or []:
            if not entry.admin:
                access.append(entry)
            elif entry.app != "account_settings":
                access.append(Access(entry.app, False, self.set_id(entry.app, "regular")))
        self.users[user_id].access = access

    def invite(self, email: str, access: list[Access] | None = None) -> User:
        """Add a user who has not accepted the invitation: with an address and the default role."""
        regular = [Access("sales", False, self.set_id("sales", "regular"))]
        user = User(
            id=max(self.users) + 1,
            name=email,
            email=email,
            created=None,
            last_login=None,
            modified=None,
            role_id=DEFAULT_ROLE,
            access=regular if access is None else access,
        )
        self.users[user.id] = user
        self.assign(user.id, DEFAULT_ROLE)
        return user

    def _add_flag(self, flag: str) -> None:
        if flag not in self.flags:
            self.flags = sorted({*self.flags, flag})
