"""Stories about accounts: unused, kept after their owner left, or without a clear owner."""

from __future__ import annotations

from pipedrive_graph.simulator.anomalies.stage import OFFICIAL, NoRoomError, Stage, Variants
from pipedrive_graph.simulator.model import DEFAULT_ROLE, ZERO_DATE, User

_MAILBOXES = ("info", "sales", "admin", "support", "office", "billing", "marketing", "contact", "hello", "hr")


def admin_long_gone(stage: Stage) -> None:
    """An admin has not logged in for months."""
    user = stage.partial_admin(stage.person())
    _last_seen_long_ago(stage, user)
    stage.expect("dormant_admin", user)


def admin_never_came(stage: Stage) -> None:
    """An admin never logged in."""
    user = stage.partial_admin(stage.person())
    _never_seen(stage, user, youngest=33)
    stage.expect("dormant_admin", user)


def long_gone(stage: Stage) -> None:
    """A user has not logged in for months."""
    user = stage.person()
    _last_seen_long_ago(stage, user)
    stage.expect("dormant_user", user)


def never_came(stage: Stage) -> None:
    """A user never logged in."""
    user = stage.person()
    _never_seen(stage, user, youngest=17)
    stage.expect("never_logged_in", user)


def left_with_role(stage: Stage) -> None:
    """A user left, and kept their role."""
    user = stage.person()
    user.access = []
    stage.leave(user)
    stage.expect("inactive_user_with_role", user, str(user.role_id))


def left_with_everything(stage: Stage) -> None:
    """A user left, and kept all access."""
    user = stage.person()
    stage.leave(user)
    stage.expect("inactive_user_with_role", user, str(user.role_id))
    stage.expect("inactive_user_with_permissions", user)


def left_with_sets(stage: Stage) -> None:
    """A user left, and kept their permission sets."""
    user = stage.person()
    stage.leave(user)
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.expect("inactive_user_with_permissions", user)


def left_with_flags(stage: Stage) -> None:
    """A user left, and holds a flag without a permission set."""
    user = stage.person()
    user.access = []
    stage.leave(user)
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.company.grant(user.id, "can_delete_deals")
    stage.expect("inactive_user_with_permissions", user)
    stage.expect("unexplained_permission", user, "can_delete_deals", dialects=OFFICIAL)


def left_as_admin(stage: Stage) -> None:
    """An admin left, and is still an admin."""
    user = stage.partial_admin(stage.person())
    stage.leave(user)
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.expect("inactive_admin", user)
    stage.expect("inactive_user_with_permissions", user)


def deleted_as_admin(stage: Stage) -> None:
    """A user was deleted, and is still an admin."""
    user = stage.person()
    stage.company.delete(user.id)
    stage.company.make_admin(user.id)
    stage.expect("inactive_admin", user)
    stage.expect("inactive_user_with_permissions", user)


def twice(stage: Stage) -> None:
    """Two accounts have the same address, except for capitals."""
    first, second = stage.people(2)
    second.email = first.email.swapcase()
    stage.expect("duplicate_email", first)
    stage.expect("duplicate_email", second)


def stranger(stage: Stage) -> None:
    """A user's address has a domain that is not the company's."""
    user = stage.person()
    # a different domain each time: in a small company, a domain with three users counts as its own
    user.email = f"{user.email.partition('@')[0]}@partner{user.id}.example"
    stage.expect("external_email_domain", user)


def mailbox(stage: Stage) -> None:
    """An account has the address of a shared mailbox."""
    domain = stage.company.users[stage.company.owner_id].email.partition("@")[2]
    taken = {user.email.lower() for user in stage.company.users.values()}
    free = [name for name in _MAILBOXES if f"{name}@{domain}" not in taken]
    if not free:
        raise NoRoomError
    user = stage.person()
    user.email = f"{stage.rng.choice(free)}@{domain}"
    stage.expect("shared_mailbox", user)


def _last_seen_long_ago(stage: Stage, user: User) -> None:
    oldest = stage.calendar.days_since(user.created or "")
    user.last_login = user.modified = stage.calendar.ago(93, min(oldest, 700))


def _never_seen(stage: Stage, user: User, youngest: float) -> None:
    user.created = user.modified = stage.calendar.ago(youngest, 700)
    user.last_login = stage.rng.choice((ZERO_DATE, None))


STORIES: tuple[Variants, ...] = (
    (admin_long_gone, admin_never_came),
    (long_gone,),
    (never_came,),
    (left_with_role, left_with_everything),
    (left_with_sets, left_with_flags),
    (left_as_admin, deleted_as_admin),
    (twice,),
    (stranger,),
    (mailbox,),
)
