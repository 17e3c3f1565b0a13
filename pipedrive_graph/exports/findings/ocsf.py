"""Exports the findings as OCSF events: one Detection Finding (class 2004) per finding and line.

This class has the statuses new, suppressed (by a waiver) and resolved. A Compliance Finding would have to
name the control of a framework, but most rules do not check one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipedrive_graph._version import __version__
from pipedrive_graph.exports import json_stream
from pipedrive_graph.exports.findings import elements
from pipedrive_graph.exports.findings.elements import Finding, Rule
from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source, counted

VERSION = "1.5.0"
"""The version of OCSF."""

_CLASS = 2004
_CATEGORY = 2
_RULE = 1

_SEVERITIES = {
    "info": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}

_STATUSES = {"open": (1, "New"), "waived": (3, "Suppressed"), "resolved": (4, "Resolved")}

_CREATE, _UPDATE, _CLOSE = (1, "Create"), (2, "Update"), (3, "Close")


def write(source: Source, target: Path) -> Wrote:
    """Write the findings to one file, one event per line."""
    rules = elements.rules(source)
    with target.open("w", encoding="utf-8", newline="\n") as out:
        number = counted(
            (_event(source, finding, rules) for finding in elements.findings(source)),
            lambda event: out.write(f"{json_stream.text(event)}\n"),
        )
    return Wrote([Part(target.name, "findings", number)])


def _event(source: Source, finding: Finding, rules: Mapping[str, Rule]) -> dict[str, Any]:
    rule = rules[finding.rule]
    activity_id, activity = _activity(source, finding)
    severity_id, severity = _SEVERITIES.get(finding.severity, (99, finding.severity))
    status_id, status = _STATUSES.get(finding.status, (99, finding.status))
    return json_stream.known(
        {
            "activity_id": activity_id,
            "activity_name": activity,
            "category_uid": _CATEGORY,
            "category_name": "Findings",
            "class_uid": _CLASS,
            "class_name": "Detection Finding",
            "type_uid": _CLASS * 100 + activity_id,
            "type_name": f"Detection Finding: {activity}",
            # the time of its current status
            "time": json_stream.milliseconds(finding.resolved_at or finding.last_seen),
            "timezone_offset": 0,
            "severity_id": severity_id,
            "severity": severity,
            "status_id": status_id,
            "status": status,
            "status_detail": finding.resolved_reason or finding.waiver_reason,
            "comment": finding.note,
            "message": finding.title,
            "metadata": {
                "version": VERSION,
                "product": {
                    "name": "pipedrive_graph",
                    "vendor_name": "pipedrive_graph",
                    "version": __version__,
                },
                "event_code": finding.rule,
                "uid": finding.finding_id,
                "tenant_uid": finding.company,
            },
            "finding_info": _info(finding, rule),
            "resources": [
                {
                    "uid": finding.subject,
                    "name": finding.subject_id,
                    "type": finding.subject_kind,
                    "namespace": finding.company,
                }
            ],
            "evidences": None if finding.evidence is None else [{"data": _object(finding.evidence)}],
            "remediation": {"desc": finding.remedy} if finding.remedy else None,
            "unmapped": json_stream.known(
                {
                    "object": finding.object,
                    "snapshot_id": finding.snapshot_id,
                    "reopened": finding.reopened,
                    "waiver_owner": finding.waiver_owner,
                    "waiver_reason": finding.waiver_reason,
                    "waiver_expires": finding.waiver_expires,
                }
            ),
        }
    )


def _info(finding: Finding, rule: Rule) -> dict[str, Any]:
    return json_stream.known(
        {
            "uid": finding.finding_id,
            "title": finding.title,
            "desc": rule.meaning or None,
            "types": [finding.rule],
            "data_sources": ["Pipedrive"],
            "created_time": json_stream.milliseconds(finding.first_seen),
            "first_seen_time": json_stream.milliseconds(finding.first_seen),
            "last_seen_time": json_stream.milliseconds(finding.last_seen),
            "modified_time": json_stream.milliseconds(finding.resolved_at or finding.opened_at),
            "analytic": {"uid": rule.name, "name": rule.title, "type": "Rule", "type_id": _RULE},
        }
    )


def _activity(source: Source, finding: Finding) -> tuple[int, str]:
    if finding.status == "resolved":
        return _CLOSE
    shown = source.snapshots.get(finding.company)
    return _CREATE if shown is not None and finding.first_seen >= shown.as_of else _UPDATE


def _object(evidence: object) -> dict[str, object]:
    return evidence if isinstance(evidence, dict) else {"evidence": evidence}
