"""Writes the roster of a company as HR would provide it, with deliberate errors."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path

from pipedrive_graph.simulator.anomalies import ROSTER
from pipedrive_graph.simulator.model import DEFAULT_ROLE, Company, Finding, User

COLUMNS = ("email", "status", "manager", "expected_role")


def write_roster(company: Company, path: Path, *, clean: bool = False) -> None:
    """Write a CSV file with a row per person, and add the findings that follow from it to `company.planted`.

    The roster lists all active users, and users who left if their address is still known. Unless `clean`,
    an active user is listed as left, an active user is missing, and a user is expected in another role; in a
    large company, there are several of each. Findings of an earlier roster are removed.

    Args:
        company: the company; its planted anomalies stay as they are.
        path: the file.
        clean: write a roster without errors.
    """
    # Reproducible on purpose; not used for secrets.
    rng = random.Random(f"{len(company.users)}:{company.seed}:roster")  # noqa: S311
    known = [user for user in company.users.values() if "@" in user.email]
    times = Counter(user.email.lower() for user in known)
    # the new roster corrects the errors of the earlier one, which resolves its findings
    earlier = {finding.subject_id for finding in company.planted if finding.rule in ROSTER}
    alone = [
        user
        for user in known
        if user.active and times[user.email.lower()] == 1 and str(user.id) not in earlier
    ]
    wrong = {} if clean else _wrong(company, alone, rng)
    company.planted[:] = [finding for finding in company.planted if finding.rule not in ROSTER]
    addresses: set[str] = set()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for user in known:
            rule = wrong.get(user.id)
            address = user.email.lower()
            if rule == "not_on_roster":
                _expect(company, user, rule, None)
            if rule == "not_on_roster" or address in addresses:
                continue
            addresses.add(address)
            status = "active" if user.active and rule != "leaver_still_active" else "left"
            expected = _expected(company, user, other=rule == "expected_role_differs")
            if status == "left" or times[address] > 1:
                expected = ""
            if rule:
                _expect(company, user, rule, expected or None)
            manager = company.users[company.owner_id].email if user.id != company.owner_id else ""
            # HR and Pipedrive write addresses differently
            shown = rng.choice((address, address.title(), user.email))
            writer.writerow([shown, status, manager, expected])


def _expect(company: Company, user: User, rule: str, what: str | None) -> None:
    severity = "critical" if rule == "leaver_still_active" and user.admin_apps else ROSTER[rule]
    company.planted.append(Finding(rule, "user", str(user.id), what, severity))


def _wrong(company: Company, alone: list[User], rng: random.Random) -> dict[int, str]:
    """Choose the users with errors in the roster, and the rule that finds each error."""
    placed = [user for user in alone if _role_name(company, user) is not None]
    admins = [user for user in alone if user.admin_apps and user.id != company.owner_id]
    wrong: dict[int, str] = {user.id: "leaver_still_active" for user in admins[:1]}
    for rule, people in (
        ("expected_role_differs", placed),
        ("leaver_still_active", alone),
        ("not_on_roster", alone),
    ):
        free = [user for user in people if user.id not in wrong and user.id != company.owner_id]
        number = min(len(free), max(1, len(company.users) // 60))
        wrong |= {user.id: rule for user in rng.sample(free, number)}
    return wrong


def _role_name(company: Company, user: User) -> str | None:
    """Return the name of the user's role; None unless it is exactly one existing, active role."""
    rows = company.assignments[user.id]
    role = company.roles.get(rows[0].role_id) if len(rows) == 1 and rows[0].active else None
    return role.name if role and role.active and role.id != DEFAULT_ROLE else None


def _expected(company: Company, user: User, *, other: bool) -> str:
    """Return the name of the user's expected role, their own or another one; empty if unknown."""
    own = _role_name(company, user)
    if own is None or not other:
        return own or ""
    names = {role.name for role in company.roles.values() if role.active and role.id != DEFAULT_ROLE}
    return min(names - {own})
