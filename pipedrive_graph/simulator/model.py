"""A simulated company as it stands: users, roles, assignments, permission sets, and what tests do to them.

Everything here is mutable, so that a test can change the company between two nights. How a record looks on
the wire is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pipedrive_graph.simulator.permissions import FLAGS

ZERO_DATE = "0000-00-00 00:00:00"
"""What Pipedrive sends for "never", where it does not send null."""

DEFAULT_ROLE = 1
"""The id of the role in which users sit whom nobody put anywhere."""

NEWER_APPS = ("partnership", "nova")
"""Apps that Pipedrive added in 2025 and 2026; not every company has them."""

DELETED = "(deleted user)"
"""The name, and the address, of a user who was deleted for good."""


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
    """The legacy field of the brief's dialect, where it differs from what `access` says."""
    granted: set[str] = field(default_factory=set)
    """Flags held though no set of the user grants them."""
    withheld: set[str] = field(default_factory=set)
    """Flags not held though a set of the user grants them."""
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
    """Whether `roles` names it; a role that is not listed still answers under its id."""
    miscounted: int = 0
    """By how much its `assignment_count` is more than its assignments."""
    settings: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Assignment:
    """A user's place in a role; `role_id` may name a role that does not exist any more."""

    id: int
    user_id: int
    role_id: int
    active: bool = True


@dataclass(slots=True)
class PermissionSet:
    """A permission set of one app; `kind` is what the API calls type."""

    id: str
    name: str
    app: str
    kind: str
    contents: list[str]
    miscounted: int = 0
    """By how much its `assignment_count` is more than its assignments."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding that follows from what was planted, in the dialects that show its evidence."""

    rule: str
    subject_kind: str
    subject_id: str
    object: str | None
    severity: str
    dialects: tuple[str, ...] = ("official", "brief")


@dataclass(slots=True)
class Company:
    """A whole company. `owner_id` is whose token it is, `plain_user_id` a user without any admin right.

    The changing methods raise KeyError for a user, role or set that does not exist.
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
    """Findings of the kind that a week of history brings."""
    deviations: list[tuple[int, str]] = field(default_factory=list)
    """User and flag of each grant that was planted as an exception."""
    cast: list[int] = field(default_factory=list)
    """Ids of the users to whom something may yet happen without telling on others, in a drawn order."""
    last_assignment: int = 0
    for_all: dict[str, bool] = field(default_factory=dict)
    """Flags that Pipedrive itself grants to everybody, or takes from everybody."""
    answers_false: bool = False
    """Whether Pipedrive answers, by its own fault, that nobody may do anything."""

    def permissions(self, user_id: int) -> dict[str, bool]:
        """Return what the user may do: every known flag, true or false.

        An admin of any app holds every flag; anybody else what their sets grant; but for what Pipedrive
        itself changes for everybody.
        """
        if self.answers_false:
            return dict.fromkeys(self.flags, False)
        user = self.users[user_id]
        held: set[str] = set(self.flags) if user.admin_apps else self.explained(user_id)
        held = (held | user.granted) - user.withheld
        return {flag: flag in held for flag in self.flags} | self.for_all

    def explained(self, user_id: int) -> set[str]:
        """Return the flags that the user's permission sets grant."""
        found: set[str] = set()
        for entry in self.users[user_id].access or []:
            if entry.permission_set_id in self.sets:
                found.update(self.sets[entry.permission_set_id].contents)
        return found

    def members(self, role_id: int) -> list[Assignment]:
        """Return the assignments to a role, of inactive users too."""
        return [row for rows in self.assignments.values() for row in rows if row.role_id == role_id]

    def set_id(self, app: str, kind: str) -> str:
        """Return the id of the first permission set of this app and type; KeyError where there is none."""
        for candidate in self.sets.values():
            if candidate.app == app and candidate.kind == kind:
                return candidate.id
        raise KeyError(f"{app} has no permission set of type {kind}")

    def truth(self, dialect: str) -> list[dict[str, str | None]]:
        """Return every finding that what was planted leads to, where this dialect shows it.

        It speaks of the company as it was generated: what a test changes afterwards is the test's own truth.
        """
        rows = (
            {
                "rule": finding.rule,
                "subject_kind": finding.subject_kind,
                "subject_id": finding.subject_id,
                "object": finding.object,
                "severity": finding.severity,
            }
            for finding in self.planted
            if dialect in finding.dialects
        )
        return sorted(rows, key=lambda row: tuple(value or "" for value in row.values()))

    # What happens in a company between two nights.

    def deactivate(self, user_id: int) -> None:
        """Switch a user off, as `PUT users/{id}` does: role and permission sets stay."""
        self.users[user_id].active = False

    def reactivate(self, user_id: int) -> None:
        """Switch a user on again."""
        self.users[user_id].active = True

    def delete(self, user_id: int, *, by_support: bool = False) -> None:
        """Delete a user for good: still listed, without name, address, role and rights.

        Args:
            user_id: the user to delete.
            by_support: as Pipedrive's support does, who leave a random name and address behind.
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
        """Let a user vanish: no longer listed, and 404 under their id."""
        del self.users[user_id]
        self.assignments.pop(user_id, None)

    def remove_role(self, role_id: int) -> None:
        """Let a role vanish: no longer listed, and 404 under its id; assignments to it stay."""
        del self.roles[role_id]

    def grant(self, user_id: int, flag: str) -> None:
        """Give a user a flag that none of their sets needs to grant."""
        user = self.users[user_id]
        self._know(flag)
        user.withheld.discard(flag)
        if flag not in self.explained(user_id):
            user.granted.add(flag)

    def revoke(self, user_id: int, flag: str) -> None:
        """Take a flag from a user, though their sets may grant it."""
        user = self.users[user_id]
        user.granted.discard(flag)
        if self.permissions(user_id).get(flag):
            user.withheld.add(flag)

    def move(self, user_id: int, role_id: int) -> None:
        """Put a user into a role, and out of every other: one visibility group per user."""
        self.users[user_id].role_id = role_id
        self.assignments[user_id] = []
        self.assign(user_id, role_id)

    def assign(self, user_id: int, role_id: int, *, active: bool = True) -> Assignment:
        """Add an assignment beside those there are; the user's `role_id` stays as it is."""
        self.last_assignment += 1
        row = Assignment(self.last_assignment, user_id, role_id, active)
        self.assignments.setdefault(user_id, []).append(row)
        return row

    def edit_set(self, set_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Change what a permission set grants, and so what everybody holds who has it."""
        new = set(add)
        for flag in new:
            self._know(flag)
        edited = self.sets[set_id]
        edited.contents = sorted({*edited.contents, *new} - set(remove))

    def add_app(self, app: str) -> str:
        """Add an app, such as one of `NEWER_APPS`: whoever uses the sales app gets its regular set.

        Returns:
            The id of that set.
        """
        granted = {"regular": [f"can_use_{app}"], "admin": [f"can_manage_{app}", f"can_use_{app}"]}
        for kind, contents in granted.items():
            new = PermissionSet(f"{app}-{kind}", f"{app.title()} {kind}", app, kind, contents)
            self.sets[new.id] = new
            for flag in contents:
                self._know(flag)
        regular = self.set_id(app, "regular")
        for user in self.users.values():
            if any(entry.app == "sales" for entry in user.access or []):
                user.access = [*(user.access or []), Access(app, False, regular)]
        return regular

    def change_for_all(self, granted: bool, *flags: str) -> None:
        """Let Pipedrive grant flags to everybody, or take them, whatever sets, roles and assignments say."""
        for flag in flags:
            self._know(flag)
            self.for_all[flag] = granted

    def make_admin(self, user_id: int, app: str = "account_settings") -> None:
        """Make a user admin of an app."""
        user = self.users[user_id]
        others = [entry for entry in user.access or [] if entry.app != app]
        user.access = [*others, Access(app, True, self.set_id(app, "admin"))]

    def drop_admin(self, user_id: int) -> None:
        """Take every admin right from a user: a regular set where the app has one, else no access."""
        kept: list[Access] = []
        for entry in self.users[user_id].access or []:
            if not entry.admin:
                kept.append(entry)
            elif entry.app != "account_settings":
                kept.append(Access(entry.app, False, self.set_id(entry.app, "regular")))
        self.users[user_id].access = kept

    def invite(self, email: str, access: list[Access] | None = None) -> User:
        """Add a user who has not accepted yet: known by their address, in the default role."""
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

    def _know(self, flag: str) -> None:
        if flag not in self.flags:
            self.flags = sorted({*self.flags, flag})
