"""Sums up what the published file says of a company: what `sync` prints and `sync --json` counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipedrive_graph.findings.lifecycle import SEVERITIES


@dataclass(frozen=True, slots=True)
class Finding:
    """An open finding in short."""

    severity: str
    rule: str
    title: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a company looks like in the published file.

    `counts` has every severity; `findings` are the open ones, the severest first; `changes` counts the
    access changes of the last snapshot, and is None where there is no earlier one to compare with. Of
    `inferred` users nobody asked for the permissions, and `corrections` of what was inferred are no changes.
    """

    users: int
    roles: int
    grants: int
    inferred: int
    changes: int | None
    corrections: int
    counts: dict[str, int]
    findings: list[Finding]


def summarise(published: Path, company: str) -> Summary | None:
    """Read the summary of a company; None where nothing of it is published yet."""
    if not published.exists():
        return None
    with duckdb.connect(str(published), read_only=True) as connection:

        def count(query: str) -> int:
            (number,) = connection.execute(query, [company]).fetchall()[0]
            return int(number)

        if not count("SELECT count(*) FROM current_snapshot WHERE company = ?"):
            return None
        findings = connection.execute(
            """
            SELECT severity, rule, title
            FROM findings
            WHERE company = ? AND status = 'open'
            ORDER BY
                list_position(['critical', 'high', 'medium', 'low', 'info'], severity),
                rule, title
            """,
            [company],
        ).fetchall()
        changes = (
            "SELECT count(*) FROM access_changes"
            " JOIN current_snapshot USING (company, snapshot_id) WHERE company = ?"
        )
        return Summary(
            users=count("SELECT count(*) FROM users WHERE company = ?"),
            roles=count("SELECT count(*) FROM roles WHERE company = ?"),
            grants=count("SELECT count(*) FROM user_permissions WHERE company = ? AND granted"),
            inferred=count(
                "SELECT count(*) FROM permission_sources WHERE company = ? AND source = 'inferred'"
            ),
            corrections=count(f"{changes} AND kind = 'correction'"),
            changes=count(f"{changes} AND kind <> 'correction'")
            if count("SELECT count(*) FROM snapshots WHERE company = ? AND status <> 'rejected'") > 1
            else None,
            counts={name: sum(row[0] == name for row in findings) for name in SEVERITIES},
            findings=[Finding(*row) for row in findings],
        )
