"""What Dagster shows of an asset beside its description: counts, tables, first rows, links.

Numbers are plain ones, so that Dagster draws each of them over the nights.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_graph.alerts import file as alerts_file
from pipedrive_graph.reports import markdown
from pipedrive_graph.reports.changes import Change
from pipedrive_graph.reports.listing import Group, Listed, grouped
from pipedrive_graph.reports.tonight import Tonight, tonight
from pipedrive_graph.settings import Settings
from pipedrive_graph.warehouse.previews import Preview

WORST = 15
"""Findings that stand in the table of the worst."""
ROWS = 50
"""Rows of the tables of new findings and of changes."""

_FINDING = dg.TableSchema(
    [
        dg.TableColumn("severity", "string"),
        dg.TableColumn("rule", "string", description="the file in sql/findings that found it"),
        dg.TableColumn("title", "string", description="the finding in one sentence"),
        dg.TableColumn("finding_id", "string", description="the same every night"),
    ]
)
_CHANGE = dg.TableSchema(
    [
        dg.TableColumn("change", "string", description="one of the kinds of access_changes"),
        dg.TableColumn("subject", "string", description="the user, role or permission set"),
        dg.TableColumn("object", "string", description="what of it"),
        dg.TableColumn("before", "string"),
        dg.TableColumn("after", "string"),
    ]
)


def findings_metadata(settings: Settings, company: str) -> dict[str, Any]:
    """What is to be shown of a company's findings, for any asset that is about them.

    It holds names of people: whoever may open Dagster may read them.
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
        "changes since the last night": dg.MetadataValue.table(
            [_change(one) for one in night.changes[:ROWS]], _CHANGE
        ),
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
    if not night.open:
        return "*Nothing is open.*"
    groups = grouped(night.open)
    rows = [
        (
            group.lead.values["severity"],
            group.lead.values["rule"],
            _title(group),
            # hyphens at which no line is broken
            str(group.lead.values["first_seen"].date()).replace("-", "\N{NON-BREAKING HYPHEN}"),
        )
        for group in groups[:WORST]
    ]
    text = markdown.table(("severity", "rule", "finding", "first seen"), rows)
    more = len(night.open) - sum(1 + len(group.also) for group in groups[:WORST])
    return f"{text}\n\nand {more:,} more" if more else text


def _title(group: Group) -> str:
    also = sorted({one.values["rule"] for one in group.also})
    title: str = group.lead.values["title"]
    return f"{title} Also: {', '.join(also)}." if also else title


def _finding(one: Listed) -> dg.TableRecord:
    return _record(_FINDING.columns, [one.values[column.name] for column in _FINDING.columns])


def _change(one: Change) -> dg.TableRecord:
    subject = one.subject_label or one.subject_id
    values = [
        one.kind,
        f"{one.subject_kind} {subject}",
        one.object_label or one.object,
        one.before_label or one.before,
        one.after_label or one.after,
    ]
    return _record(_CHANGE.columns, values)


def _record(columns: Sequence[dg.TableColumn], values: Sequence[object]) -> dg.TableRecord:
    shown = ["" if value is None else str(value) for value in values]
    return dg.TableRecord(dict(zip((column.name for column in columns), shown, strict=True)))
