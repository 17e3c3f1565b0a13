"""What Dagster shows of an asset beside its description: counts, tables, first rows, links.

Numbers are plain ones, so that Dagster draws each of them over the nights.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_graph.alerts import file as alerts_file
from pipedrive_graph.reports import markdown
from pipedrive_graph.reports.listing import Listed
from pipedrive_graph.reports.tonight import Tonight, tonight
from pipedrive_graph.settings import Settings
from pipedrive_graph.warehouse.previews import Preview

ROWS = 50
"""Rows of the tables of new findings and of changes."""

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


def findings_metadata(settings: Settings, company: str) -> dict[str, Any]:
    """What is to be shown of a company's findings, for any asset that is about them.

    It names nobody: Dagster keeps it with the run. The findings in full are in the published file.
    """
    night = tonight(settings.published, company)
    if night is None:
        return {}
    return {
        "worst open findings": dg.MetadataValue.md(_worst(night)),
        **{f"open: {severity}": count for severity, count in night.counts["open"].items()},
        "open": sum(night.counts["open"].values()),
        "waived": sum(night.counts["waived"].values()),
        "resolved": sum(night.counts["resolved"].values()),
        "new tonight": len(night.new),
        "changes tonight": len(night.changes),
        "new findings": dg.MetadataValue.table([_finding(one) for one in night.new[:ROWS]], _FINDING),
        "changes since the last night": dg.MetadataValue.table(_changes(night)[:ROWS], _CHANGE),
    }


def report_metadata(settings: Settings, company: str, path: Path) -> dict[str, Any]:
    """Where a report lies, and its address where alerts.toml says one: browsers open no files from a page."""
    address = alerts_file.load(settings).address(company)
    return {
        "path": dg.MetadataValue.path(path),
        **({"report": dg.MetadataValue.url(address)} if address else {}),
    }


def preview_metadata(preview: Preview) -> dict[str, Any]:
    """The first rows of a table."""
    if not preview.rows:
        return {"first rows": dg.MetadataValue.md("*no rows*")}
    return {"first rows": dg.MetadataValue.md(markdown.table(preview.columns, preview.rows))}


def _worst(night: Tonight) -> str:
    """The open findings counted by rule, the worst rule first."""
    if not night.open:
        return "*Nothing is open.*"
    by_rule: dict[tuple[str, str], list[Listed]] = {}
    for finding in night.open:
        by_rule.setdefault((finding.values["severity"], finding.values["rule"]), []).append(finding)
    rows = [(severity, rule, len(found), _since(found)) for (severity, rule), found in by_rule.items()]
    return markdown.table(("severity", "rule", "open", "first seen"), rows)


def _since(findings: Sequence[Listed]) -> str:
    """The day on which the first of them was seen, with hyphens at which no line is broken."""
    day = min(finding.values["first_seen"] for finding in findings).date()
    return str(day).replace("-", "\N{NON-BREAKING HYPHEN}")


def _finding(one: Listed) -> dg.TableRecord:
    return dg.TableRecord({column.name: str(one.values[column.name]) for column in _FINDING.columns})


def _changes(night: Tonight) -> list[dg.TableRecord]:
    counts = Counter((change.kind, change.subject_kind) for change in night.changes)
    return [
        dg.TableRecord({"change": kind, "about": about, "changes": count})
        for (kind, about), count in sorted(counts.items())
    ]
