"""Sums up what the published file says of a company: what `sync` prints and `sync --json` counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import Group, grouped, opened


@dataclass(frozen=True, slots=True)
class Finding:
    """An open finding in short, with the rules that find more about the same thing."""

    severity: str
    rule: str
    title: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a company looks like in the published file.

    `counts` has every severity; `findings` are the open ones, the severest first, and those about the same
    thing as one; `waived` are counted apart; `changes` counts the
    access changes of the last snapshot, and is None where there is no earlier one to compare with. Of
    `inferred` users nobody asked for the permissions, and `corrections` of what was inferred are no changes.
    `broken` are the rules that could not be run: what they found before stays as it was.
    Pipedrive counts other assignments of `mismatches` roles and permission sets than it lists.
    `not_given` are lists that Pipedrive did not give.
    `finished_at` is when the last answer of the snapshot was in; aware, UTC.
    `status` and `reason` say what the snapshot `snapshot_id` is worth: it is also partial where an answer
    leaves out what it held before, which shows only beside the history.
    """

    snapshot_id: str
    finished_at: datetime
    status: str
    reason: str | None
    users: int
    roles: int
    grants: int
    inferred: int
    changes: int | None
    corrections: int
    counts: dict[str, int]
    waived: int
    findings: list[Finding]
    broken: tuple[str, ...] = ()
    mismatches: int = 0
    not_given: tuple[str, ...] = ()


def summarise(published: Path, company: str) -> Summary | None:
    """Read the summary of a company; None where nothing of it is published yet."""
    if not published.exists():
        return None
    with reading(published) as connection:

        def count(query: str) -> int:
            (number,) = connection.execute(query, [company]).fetchall()[0]
            return int(number)

        if not count("SELECT count(*) FROM current_snapshot WHERE company = ?"):
            return None
        counted = connection.execute(
            "SELECT severity, count(*) FROM findings WHERE company = ? AND status = 'open' GROUP BY ALL",
            [company],
        ).fetchall()
        changes = (
            "SELECT count(*) FROM access_changes"
            " JOIN current_snapshot USING (company, snapshot_id) WHERE company = ?"
        )
        snapshot_id, finished_at, status, reason = connection.execute(
            "SELECT snapshot_id, snapshots.finished_at, snapshots.status, snapshots.reason FROM snapshots"
            " JOIN current_snapshot USING (company, snapshot_id) WHERE company = ?",
            [company],
        ).fetchall()[0]
        return Summary(
            snapshot_id=snapshot_id,
            finished_at=finished_at.replace(tzinfo=UTC),
            status=status,
            reason=reason,
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
            counts={name: dict(counted).get(name, 0) for name in SEVERITIES},
            waived=count("SELECT count(*) FROM findings WHERE company = ? AND status = 'waived'"),
            mismatches=count(
                "SELECT count(*) FROM findings"
                " WHERE company = ? AND rule = 'count_mismatch' AND status <> 'resolved'"
            ),
            not_given=tuple(
                str(endpoint)
                for (endpoint,) in connection.execute(
                    "SELECT endpoint FROM lists_not_given WHERE company = ? ORDER BY endpoint", [company]
                ).fetchall()
            ),
            findings=[_short(group) for group in grouped(opened(connection, company))],
            broken=tuple(
                str(rule)
                for (rule,) in connection.execute(
                    "SELECT rule FROM rule_runs WHERE company = ? AND outcome = 'broken' ORDER BY rule",
                    [company],
                ).fetchall()
            ),
        )


def _short(group: Group) -> Finding:
    values = group.lead.values
    also = tuple(other.values["rule"] for other in group.also)
    return Finding(values["severity"], values["rule"], values["title"], also)
