"""A second implementation of the rules, from their descriptions, that uses only responses of the API."""

from __future__ import annotations

from datetime import datetime

from . import rules_of_flags, rules_of_roles, rules_of_users
from .reading import Reading, days, is_admin, is_live, never, read

__all__ = ["Found", "days", "findings", "never", "read"]

Found = tuple[str, str, str, str | None, str]
"""Rule, kind of subject, subject, object, severity."""


def findings(reading: Reading, now: datetime, earlier: Reading | None = None) -> set[Found]:
    """The findings of one observation; with an `earlier` one of over a week ago, also those about changes."""
    found: set[Found] = set()
    for user in reading.users:
        for rules in (rules_of_users.account, rules_of_users.place, rules_of_flags.of_user):
            found |= {
                (rule, "user", str(user["id"]), what, severity)
                for rule, what, severity in rules(reading, user, now)
            }
    found |= set(rules_of_users.addresses(reading))
    found |= set(rules_of_roles.roles(reading, earlier))
    found |= set(rules_of_roles.sets(reading))
    found |= {
        (rule, "company", str(reading.company_id), None, severity) for rule, severity in _admins(reading)
    }
    return found


def _admins(reading: Reading) -> list[tuple[str, str]]:
    active = [user for user in reading.users if is_live(user)]
    admins = [user for user in active if is_admin(user, "account_settings")]
    found = []
    if len(admins) < 2 and len(active) > 2:
        found.append(("single_admin", "high"))
    if len(admins) > max(4, 0.05 * len(active)):
        found.append(("too_many_admins", "medium"))
    return found
