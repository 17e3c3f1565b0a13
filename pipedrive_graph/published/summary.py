"""Summarises a company in the published file, for the output of `sync` and `sync --json`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import Group, grouped, opened


@dataclass(frozen=True, slots=True)
class Finding:
    """An open finding in short, with the rules of other findings about the same thing."""

    severity: str
    rule: str
    title: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A company in the published file.

    Attributes:
        snapshot_id: the latest accepted snapshot.
        finished_at: when the last response of the snapshot arrived, aware, in UTC.
        status, reason: whether the snapshot is complete or partial, and why. A snapshot is also partial if a
            response lacks data that earlier ones had, which only the history shows.
        inferred: number of users whose permissions are inferred, not observed.
        changes: number of access changes in the snapshot; None without an earlier snapshot to compare with.
        corrections: number of corrected inferences, which are not access changes.
        counts: number of open findings, for every severity.
        waived: number of waived findings.
        findings: the open findings, worst first, grouped if about the same thing.
        broken: the rules that could not be run; their findings stay as they were.
        mismatches: number of roles and permission sets whose count in Pipedrive differs from its list.
        not_given: the lists that Pipedrive did not return.
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
    """Read the summary of a company; None if it is not published yet."""
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
