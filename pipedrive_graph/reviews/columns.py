"""Says a row of a review in texts, as workbook and CSV show it: safe to open, and known by its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from pipedrive_graph.common.text import safe_cell
from pipedrive_graph.reviews.items import Holder

NOT_KNOWN = "not known"

WHO = ("name", "e-mail", "account", "roles", "last login", "recommendation", "why")
"""Columns that say who it is, and what is recommended."""

DECISION = "decision"
PARTS = ("role", "permission sets", "sensitive permissions", "admin rights")
"""Columns for a change: what of the access is kept, and what revoked."""

COMMENT, BY = "comment", "decided by"
ANSWER = (DECISION, *PARTS, COMMENT, BY)
"""Columns that are filled in."""

DETAILS = (
    "permission sets held",
    "admin of",
    "sensitive permissions held",
    "findings",
    "last decision",
    "user id",
)
"""Columns that say what the user has, and what is known about it."""

REVIEW, ROW, DIGEST = "review id", "row id", "row sha256"
MARKS = (REVIEW, ROW, DIGEST)
"""Columns by which a row is recognised."""

COLUMNS = (*WHO, *ANSWER, *DETAILS, *MARKS)
FROZEN = (*WHO, *DETAILS)
"""Columns that are to stay as they are."""

OWNER = "owner"
"""The first column of a CSV file, which has one sheet for all."""

DECISIONS = ("keep", "revoke", "change")
KEEP_OR_REVOKE = ("keep", "revoke")

UNOWNED = "Unowned"
"""Where the rows stand for which there is nobody to decide."""

_LINES = 40
_LONGEST = 300
"""Lines of a cell, and characters of a line; a cell of a workbook holds 32,767 characters."""

# what reverses the text around it, and what no workbook can hold
_MISLEADING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def shown(holder: Holder, recommendation: str, reason: str, at: datetime) -> dict[str, str]:
    """The columns that are to stay as they are, as texts.

    Args:
        holder: whom the row is about.
        recommendation: what is recommended.
        reason: why.
        at: when the snapshot was read, from which days are counted.
    """
    return {
        "name": _cell([holder.name or ""]),
        "e-mail": _cell([holder.email or ""]),
        "account": _account(holder),
        "roles": _roles(holder),
        "last login": _login(holder, at),
        "recommendation": recommendation,
        "why": _cell([reason]),
        "permission sets held": _sets(holder),
        "admin of": _admin(holder),
        "sensitive permissions held": _sensitive(holder),
        "findings": _cell(_findings(holder)),
        "last decision": _last(holder),
        "user id": str(holder.user_id),
    }


def digest(row_id: str, texts: Mapping[str, str]) -> str:
    """The digest of a row as it is shown; what programs do to blanks and line ends does not change it."""
    content = json.dumps([row_id, *(settled(texts.get(name, "")) for name in FROZEN)], ensure_ascii=False)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def settled(text: str) -> str:
    """A cell's text without blanks around its lines, with one kind of line ends."""
    return "\n".join(line.strip() for line in re.split(r"\r\n|\r|\n", text)).strip()


def line(text: str) -> str:
    """One line of a cell: no formula, nothing that a terminal or a workbook stumbles over, not too long."""
    text = _MISLEADING.sub("\N{REPLACEMENT CHARACTER}", text)
    safe = safe_cell(text)
    return safe if len(safe) <= _LONGEST else f"{safe[: _LONGEST - 1]}…"


def _cell(lines: Iterable[str]) -> str:
    safe = [line(text) for text in lines]
    if len(safe) > _LINES:
        safe = [*safe[: _LINES - 1], f"and {len(safe) - _LINES + 1} more"]
    return "\n".join(safe)


def _account(holder: Holder) -> str:
    if holder.live is None:
        return NOT_KNOWN
    return "active" if holder.live else "deleted" if holder.deleted else "deactivated"


def _roles(holder: Holder) -> str:
    if holder.roles is None:
        return NOT_KNOWN
    return _cell(_marked(role.name or f"role {role.role_id}", role.source) for role in holder.roles) or "none"


def _login(holder: Holder, at: datetime) -> str:
    if not holder.login_known:
        return NOT_KNOWN
    if holder.last_login is None:
        return "never"
    days = max(0, (at - holder.last_login).days)
    # more than a date, which spreadsheets would write in their own way
    return f"{holder.last_login:%Y-%m-%d}\n{days:,} {'day' if days == 1 else 'days'} before"


def _sets(holder: Holder) -> str:
    if holder.permission_sets is None:
        return NOT_KNOWN
    return _cell(
        f"{entry.app or 'no app'}: {entry.name or entry.permission_set_id}"
        for entry in holder.permission_sets
    )


def _admin(holder: Holder) -> str:
    if holder.admin is None:
        return NOT_KNOWN
    if holder.admin and not holder.admin_apps:
        return "an app that is not told"
    return _cell(holder.admin_apps)


def _sensitive(holder: Holder) -> str:
    if holder.sensitive_permissions is None:
        return NOT_KNOWN
    marked = [_marked(flag.permission, flag.source) for flag in holder.sensitive_permissions]
    return _cell(", ".join(marked[at : at + 2]) for at in range(0, len(marked), 2))


def _marked(text: str, source: str | None) -> str:
    return text if source == "observed" else f"{text} ({source or NOT_KNOWN})"


def _findings(holder: Holder) -> list[str]:
    """A line for each rule that found something, with what it is about."""
    lines: dict[str, list[str]] = {}
    for issue in holder.findings:
        waived = ", waived" if issue.status == "waived" else ""
        things = lines.setdefault(f"{issue.severity}: {issue.title} [{issue.rule}{waived}]", [])
        things += [issue.object] if issue.object else []
    return [f"{said} {', '.join(things)}".rstrip() for said, things in lines.items()]


def _last(holder: Holder) -> str:
    last = holder.last
    if last is None:
        return ""
    return _cell([f"{last.decision} by {last.by}", f"on {last.at:%Y-%m-%d}, {last.review}"])
