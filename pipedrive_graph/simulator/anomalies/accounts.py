"""Stories about accounts: nobody uses them, they outlive their owner, or nobody knows whose they are."""

from __future__ import annotations

from pipedrive_graph.simulator.anomalies.stage import OFFICIAL, NoRoomError, Stage, Variants
from pipedrive_graph.simulator.model import DEFAULT_ROLE, ZERO_DATE, User

_MAILBOXES = ("info", "sales", "admin", "support", "office", "billing", "marketing", "contact", "hello", "hr")


def admin_long_gone(stage: Stage) -> None:
    """An admin has not logged in for months."""
    user = stage.partial_admin(stage.person())
    _last_seen_long_ago(stage, user)
    stage.found("dormant_admin", user)


def admin_never_came(stage: Stage) -> None:
    """An admin never logged in."""
    user = stage.partial_admin(stage.person())
    _never_seen(stage, user, youngest=33)
    stage.found("dormant_admin", user)


def long_gone(stage: Stage) -> None:
    """A user has not logged in for months."""
    user = stage.person()
    _last_seen_long_ago(stage, user)
    stage.found("dormant_user", user)


def never_came(stage: Stage) -> None:
    """A user never logged in."""
    user = stage.person()
    _never_seen(stage, user, youngest=17)
    stage.found("never_logged_in", user)


def left_with_role(stage: Stage) -> None:
    """Somebody left, and kept their role."""
    user = stage.person()
    user.access = []
    stage.leave(user)
    stage.found("inactive_user_with_role", user, str(user.role_id))


def left_with_everything(stage: Stage) -> None:
    """Somebody left, and kept all they had."""
    user = stage.person()
    stage.leave(user)
    stage.found("inactive_user_with_role", user, str(user.role_id))
    stage.found("inactive_user_with_permissions", user)


def left_with_sets(stage: Stage) -> None:
    """Somebody left, and kept their permission sets."""
    user = stage.person()
    stage.leave(user)
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.found("inactive_user_with_permissions", user)


def left_with_flags(stage: Stage) -> None:
    """Somebody left, and holds a flag although no set is left."""
    user = stage.person()
    user.access = []
    stage.leave(user)
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.company.grant(user.id, "can_delete_deals")
    stage.found("inactive_user_with_permissions", user)
    stage.found("unexplained_permission", user, "can_delete_deals", dialects=OFFICIAL)


def left_as_admin(stage: Stage) -> None:
    """Somebody left as an admin."""
    user = stage.partial_admin(stage.person())
    stage.leave(user)
    stage.company.move(user.id, DEFAULT_ROLE)
    stage.found("inactive_admin", user)
    stage.found("inactive_user_with_permissions", user)


def deleted_as_admin(stage: Stage) -> None:
    """Somebody was deleted, and is an admin all the same."""
    user = stage.person()
    stage.company.delete(user.id)
    stage.company.make_admin(user.id)
    stage.found("inactive_admin", user)
    stage.found("inactive_user_with_permissions", user)


def twice(stage: Stage) -> None:
    """Two accounts have one address, but for its capitals."""
    one, other = stage.people(2)
    other.email = one.email.swapcase()
    stage.found("duplicate_email", one)
    stage.found("duplicate_email", other)


def stranger(stage: Stage) -> None:
    """Somebody's address is at no domain of the company's."""
    user = stage.person()
    # another domain each time: three users of one would be no strangers in a small company
    user.email = f"{user.email.partition('@')[0]}@partner{user.id}.example"
    stage.found("external_email_domain", user)


def mailbox(stage: Stage) -> None:
    """An account is behind an address that several people read."""
    domain = stage.company.users[stage.company.owner_id].email.partition("@")[2]
    taken = {user.email.lower() for user in stage.company.users.values()}
    free = [name for name in _MAILBOXES if f"{name}@{domain}" not in taken]
    if not free:
        raise NoRoomError
    user = stage.person()
    user.email = f"{stage.rng.choice(free)}@{domain}"
    stage.found("shared_mailbox", user)


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
