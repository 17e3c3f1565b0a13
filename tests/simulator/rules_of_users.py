"""The rules about accounts and role assignments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .reading import Reading, days, is_admin, is_live, never

About = Iterator[tuple[str, str | None, str]]
"""Rule, object, severity."""

MAILBOXES = {"info", "sales", "admin", "support", "office", "billing", "marketing", "contact", "hello", "hr"}


def account(reading: Reading, user: Any, now: datetime) -> About:
    login, created = user["last_login"], user["created"]
    if is_live(user) and is_admin(user):
        gone = not never(login) and days(now, login) > 90
        absent = never(login) and created is not None and days(now, created) > 30
        if user["id"] != reading.collector and (gone or absent):
            yield "dormant_admin", None, "high"
    elif is_live(user):
        if not never(login) and days(now, login) > 90:
            yield "dormant_user", None, "medium"
        if never(login) and created is not None and days(now, created) > 14:
            yield "never_logged_in", None, "medium"
    else:
        for role_id in reading.roles_of(user["id"]):
            if role_id != 1:
                yield "inactive_user_with_role", str(role_id), "medium"
        if any(entry["permission_set_id"] for entry in user["access"]) or reading.holds(user["id"]):
            yield "inactive_user_with_permissions", None, "medium"
        if is_admin(user):
            yield "inactive_admin", None, "high"


def place(reading: Reading, user: Any, _now: datetime) -> About:
    held = reading.roles_of(user["id"])
    if is_live(user) and set(held) <= {1}:
        yield "user_without_role", None, "high" if is_admin(user) else "medium"
    if held and user["role_id"] is not None and user["role_id"] not in held:
        yield "role_mismatch", None, "medium"
    if len(held) > 1:
        yield "multiple_roles", None, "medium"
    for role_id in held:
        if role_id not in reading.roles or not reading.roles[role_id]["active_flag"]:
            yield "dangling_role_assignment", str(role_id), "high"


def addresses(reading: Reading) -> Iterator[tuple[str, str, str, None, str]]:
    live = [(user["id"], user["email"].lower()) for user in reading.users if is_live(user)]
    times = Counter(address for _, address in live)
    domains = Counter(address.partition("@")[2] for _, address in live)
    own = {domain for domain, users in domains.items() if users >= 3 and users >= 0.05 * len(live)}
    for user_id, address in live:
        name, _, domain = address.partition("@")
        if times[address] > 1:
            yield "duplicate_email", "user", str(user_id), None, "low"
        if domain not in own:
            yield "external_email_domain", "user", str(user_id), None, "medium"
        if name in MAILBOXES:
            yield "shared_mailbox", "user", str(user_id), None, "medium"
