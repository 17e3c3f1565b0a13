"""The metadata of materializations: counts, tables, links.

Counts are plain numbers, so that Dagster plots each of them over time.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_graph.config.alert_channels import Alerts
from pipedrive_graph.config.home import Home
from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.landing import Coverage
from pipedrive_graph.pipeline import Landed
from pipedrive_graph.published import last_run
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import Listed
from pipedrive_graph.reports import markdown

ROWS = 50
"""The most rows in the tables of new findings and of changes."""

_FINDING = dg.TableSchema(
    [
        dg.TableColumn("severity", "string"),
        dg.TableColumn("rule", "string", description="the file in sql/findings that found it"),
        dg.TableColumn("finding_id", "string", description="`pipedrive-graph findings ID` shows it in full"),
    ]
)
_CHANGE = dg.TableSchema(
    [
        dg.TableColumn("change", "string", description="one of the kinds of access_changes"),
        dg.TableColumn("about", "string", description="user, role or permission set"),
        dg.TableColumn("changes", "int", description="how many"),
    ]
)


def findings_metadata(home: Home, company: str) -> dict[str, Any]:
    """The metadata about a company's findings.

    It names no people, because Dagster stores it with the run. The published file has the findings in full.
    """
    latest = last_run.read(home.published, company)
    if latest is None:
        return {}
    return {
        "worst open findings": dg.MetadataValue.md(_worst(latest)),
        **{f"open: {severity}": count for severity, count in latest.counts["open"].items()},
        "open": sum(latest.counts["open"].values()),
        "waived": sum(latest.counts["waived"].values()),
        "resolved": sum(latest.counts["resolved"].values()),
        "new": len(latest.new),
        "changes": len(latest.changes),
        "new findings": dg.MetadataValue.table(
            [_finding(finding) for finding in latest.new[:ROWS]], _FINDING
        ),
        "changes since the last snapshot": dg.MetadataValue.table(_changes(latest)[:ROWS], _CHANGE),
    }


def report_metadata(alerts: Alerts, company: str, path: Path) -> dict[str, Any]:
    """The path of a report, and its address if alerts.toml has one: browsers cannot open local files."""
    address = alerts.address(company)
    return {
        "path": dg.MetadataValue.path(path),
        **({"report": dg.MetadataValue.url(address)} if address else {}),
    }


def report(home: Home, alerts: Alerts, companies: Sequence[str], file: str) -> dict[str, Any]:
    """The path of a company's report; for several companies, their folder."""
    if len(companies) == 1:
        return report_metadata(alerts, companies[0], home.reports / companies[0] / file)
    return {"folder": dg.MetadataValue.path(home.reports), "companies": len(companies)}


def reports(home: Home, companies: Sequence[str]) -> dict[str, Any]:
    """The findings of a batch: in detail for one company; for several, counts and a row per company."""
    if len(companies) == 1:
        return findings_metadata(home, companies[0])
    return _fleet(home, companies)


def _fleet(home: Home, companies: Sequence[str]) -> dict[str, Any]:
    with reading(home.published) as connection:
        rows = connection.execute(
            """
            SELECT
                company, severity, count(*) FILTER (WHERE status = 'open'),
                count(*) FILTER (WHERE status = 'open' AND opened_at >= as_of),
                count(*) FILTER (WHERE status = 'waived'), count(*) FILTER (WHERE status = 'resolved')
            FROM findings JOIN (SELECT company, as_of FROM current_snapshot) USING (company)
            WHERE list_contains(?, company)
            GROUP BY ALL ORDER BY ALL""",
            [list(companies)],
        ).fetchall()
    open_, new = Counter[str](), Counter[str]()
    of_company: dict[str, list[int]] = {company: [0, 0, 0] for company in companies}
    for company, severity, count, fresh, _, _ in rows:
        open_[severity] += count
        new[company] += fresh
        severe = severity in {"critical", "high"}
        of_company[company] = [
            total + more
            for total, more in zip(of_company[company], (count * severe, count, fresh), strict=True)
        ]
    worst = sorted(of_company.items(), key=lambda item: ([-count for count in item[1]], item[0]))
    return {
        **{f"open: {severity}": open_[severity] for severity in SEVERITIES},
        "open": open_.total(),
        "waived": sum(row[4] for row in rows),
        "resolved": sum(row[5] for row in rows),
        "new": new.total(),
        "companies with the most open findings": dg.MetadataValue.md(
            markdown.table(
                ("company", "critical or high", "open", "new"),
                [(company, *counts) for company, counts in worst[:ROWS]],
            )
        ),
    }


ENDPOINTS = {
    "users": ("users", "users/{id}"),
    "roles": ("roles", "roles/{id}"),
    "permission_sets": ("permissionSets", "permissionSets/{id}"),
    "role_assignments": ("users/{id}/roleAssignments", "roles/{id}/assignments"),
    "user_permissions": ("users/{id}/permissions",),
}
"""The endpoints of each collected asset, in the order in which they are requested."""


def collected(landed: Landed, name: str) -> dict[str, int | float | str]:
    """The metadata of a collected asset: unanswered requests, and for `users`, statistics of the collection.

    There are few entries, because there is one such event per company, asset and run. If an earlier run has
    read the snapshot, this run has sent no requests.
    """
    manifest = landed.manifest
    entries: dict[str, int | float | str] = {}
    missing = []
    for endpoint in ENDPOINTS[name]:
        coverage = manifest.coverage.get(endpoint, Coverage())
        lost = {how: number for how, number in coverage if number and how not in {"asked", "answered"}}
        missing += (
            [f"{endpoint}: {', '.join(f'{number} {how}' for how, number in lost.items())}"] if lost else []
        )
    if missing:
        entries["not answered"] = "; ".join(missing)
    if name != "users":
        return entries
    seconds = (manifest.finished_at - manifest.started_at).total_seconds()
    inferred = f", {manifest.inferred} users inferred" if manifest.inferred else ""
    entries |= {
        "snapshot_id": manifest.snapshot_id,
        "read": f"{manifest.verdict.status}, {manifest.identity.collect}{inferred}, {manifest.roles} roles",
        "requests": 0 if landed.is_earlier else manifest.requests,
        "seconds": 0.0 if landed.is_earlier else round(seconds, 1),
    }
    if manifest.throttled and not landed.is_earlier:
        entries["throttled"] = manifest.throttled
    return entries if manifest.users is None else {**entries, "dagster/partition_row_count": manifest.users}


def _worst(latest: last_run.RunResult) -> str:
    """The number of open findings per rule, worst rule first."""
    if not latest.open:
        return "*No findings are open.*"
    by_rule: dict[tuple[str, str], list[Listed]] = {}
    for finding in latest.open:
        by_rule.setdefault((finding.values["severity"], finding.values["rule"]), []).append(finding)
    rows = [(severity, rule, len(listed), _since(listed)) for (severity, rule), listed in by_rule.items()]
    return markdown.table(("severity", "rule", "open", "first seen"), rows)


def _since(findings: Sequence[Listed]) -> str:
    """The day of the earliest finding, with non-breaking hyphens."""
    day = min(finding.values["first_seen"] for finding in findings).date()
    return str(day).replace("-", "\N{NON-BREAKING HYPHEN}")


def _finding(finding: Listed) -> dg.TableRecord:
    return dg.TableRecord({column.name: str(finding.values[column.name]) for column in _FINDING.columns})


def _changes(latest: last_run.RunResult) -> list[dg.TableRecord]:
    counts = Counter((change.kind, change.subject_kind) for change in latest.changes)
    return [
        dg.TableRecord({"change": kind, "about": about, "changes": count})
        for (kind, about), count in sorted(counts.items())
    ]
