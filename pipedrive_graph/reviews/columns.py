"""Formats a row of a review as texts for the workbook and the CSV file, with the row's digest.

The texts are safe to open in a spreadsheet.
"""

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
"""Columns that identify the user and show the recommendation."""

DECISION = "decision"
PARTS = ("role", "permission sets", "sensitive permissions", "admin rights")
"""Columns for a change: which parts of the access to keep and which to revoke."""

COMMENT, BY = "comment", "decided by"
ANSWER = (DECISION, *PARTS, COMMENT, BY)
"""Columns that the reviewer fills in."""

DETAILS = (
    "permission sets held",
    "admin of",
    "sensitive permissions held",
    "findings",
    "last decision",
    "user id",
)
"""Columns with the user's access, findings and last decision."""

REVIEW, ROW, DIGEST = "review id", "row id", "row sha256"
MARKS = (REVIEW, ROW, DIGEST)
"""Columns that identify a row."""

COLUMNS = (*WHO, *ANSWER, *DETAILS, *MARKS)
FROZEN = (*WHO, *DETAILS)
"""Columns that must not be edited."""

OWNER = "owner"
"""The first column of a CSV file, which holds the rows of all owners."""

DECISIONS = ("keep", "revoke", "change")
KEEP_OR_REVOKE = ("keep", "revoke")

UNOWNED = "Unowned"
"""The sheet for rows without an owner."""

_LINES = 40
_LONGEST = 300
"""At most so many lines per cell and characters per line; Excel allows 32,767 characters per cell."""

# characters that reverse the text around them, and characters that a workbook cannot hold
_MISLEADING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def shown(holder: Holder, recommendation: str, reason: str, at: datetime) -> dict[str, str]:
    """Return the texts of the columns that must not be edited.

    Args:
        holder: the user of the row.
        recommendation: the recommended decision.
        reason: why it is recommended.
        at: when the snapshot was read; days are counted up to it.
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
    """Return the digest of a row's texts; it ignores white space at line ends and the kind of line ends."""
    content = json.dumps([row_id, *(normalised(texts.get(name, "")) for name in FROZEN)], ensure_ascii=False)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def normalised(text: str) -> str:
    """Return a cell's text with trimmed lines and uniform line ends."""
    return "\n".join(line.strip() for line in re.split(r"\r\n|\r|\n", text)).strip()


def line(text: str) -> str:
    """Return a line of a cell: not a formula, without control characters, and not too long."""
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
    # not only a date, which spreadsheets would reformat
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
        return "an unknown app"
    return _cell(holder.admin_apps)


def _sensitive(holder: Holder) -> str:
    if holder.sensitive_permissions is None:
        return NOT_KNOWN
    marked = [_marked(flag.permission, flag.source) for flag in holder.sensitive_permissions]
    return _cell(", ".join(marked[at : at + 2]) for at in range(0, len(marked), 2))


def _marked(text: str, source: str | None) -> str:
    return text if source == "observed" else f"{text} ({source or NOT_KNOWN})"


def _findings(holder: Holder) -> list[str]:
    """Return a line per rule with findings, with their objects."""
    lines: dict[str, list[str]] = {}
    for issue in holder.findings:
        waived = ", waived" if issue.status == "waived" else ""
        things = lines.setdefault(f"{issue.severity}: {issue.title} [{issue.rule}{waived}]", [])
        things += [issue.object] if issue.object else []
    return [f"{title} {', '.join(things)}".rstrip() for title, things in lines.items()]


def _last(holder: Holder) -> str:
    last = holder.last
    if last is None:
        return ""
    return _cell([f"{last.decision} by {last.by}", f"on {last.at:%Y-%m-%d}, {last.review}"])
