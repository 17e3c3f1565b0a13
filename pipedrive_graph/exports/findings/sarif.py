"""Exports the findings as SARIF 2.1.0: one run with its rules, and one result per finding with its status.

A waiver becomes a suppression; a resolved finding has the baseline state absent. Code scanning needs a file
for every result: the rule's file is used, because an access right has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipedrive_graph._version import __version__
from pipedrive_graph.exports import json_stream
from pipedrive_graph.exports.findings import elements
from pipedrive_graph.exports.findings.elements import Finding, Rule
from pipedrive_graph.exports.registry import Part, Wrote
from pipedrive_graph.exports.source import Source

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}

SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.5", "info": "0.1"}
"""The scores of code scanning: from 9.1 critical, from 7.0 high, from 4.0 medium, below that low."""

_LINK = re.compile(r"\[(?=[^\[\]]*\]\()")
_PLACE = re.compile(r"\{(\d+)\}")


def write(source: Source, target: Path) -> Wrote:
    """Write the findings to one file."""
    rules = elements.rules(source)
    numbers = {name: number for number, name in enumerate(rules)}
    version = __version__
    driver = {
        "name": "pipedrive_graph",
        "version": version,
        "semanticVersion": version,
        "rules": [_rule(rule) for rule in rules.values()],
    }
    finished = max((shown.as_of for shown in source.snapshots.values()), default=None)
    about = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "pipedrive_graph/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            json_stream.known({"executionSuccessful": True, "endTimeUtc": json_stream.iso(finished)})
        ],
        "properties": {
            "snapshots": [
                {
                    "company": shown.company,
                    "snapshot_id": shown.snapshot_id,
                    "as_of": json_stream.iso(shown.as_of),
                    "status": shown.status,
                }
                for shown in source.snapshots.values()
            ]
        },
    }
    with target.open("w", encoding="utf-8", newline="\n") as out:
        head = json_stream.text({"$schema": SCHEMA, "version": "2.1.0"}).removesuffix("}")
        out.write(f'{head},"runs":[{json_stream.text(about).removesuffix("}")},"results":')
        results = (
            _result(source, finding, numbers[finding.rule], rules) for finding in elements.findings(source)
        )
        number = json_stream.array(out, results)
        out.write("}]}\n")
    return Wrote([Part(target.name, "findings", number)])


def message(text: str) -> str:
    """The text with SARIF's links and placeholders escaped."""
    return _PLACE.sub(r"{{\1}}", _LINK.sub(r"\\[", text))


def _rule(rule: Rule) -> dict[str, Any]:
    return json_stream.known(
        {
            "id": rule.name,
            "name": "".join(word.capitalize() for word in rule.name.split("_")),
            "shortDescription": {"text": message(rule.title)},
            "fullDescription": {"text": message(rule.meaning or rule.title)},
            "help": {"text": message(_help(rule))},
            "defaultConfiguration": {"level": LEVELS.get(rule.severity, "warning")},
            "properties": {
                "tags": ["security", "access"],
                "severity": rule.severity,
                "security-severity": SCORES.get(rule.severity, SCORES["medium"]),
                "precision": "high",
            },
        }
    )


def _help(rule: Rule) -> str:
    texts = [rule.remedy or rule.title, f"See: {rule.controls}." if rule.controls else ""]
    return "\n\n".join(text for text in texts if text)


def _result(source: Source, finding: Finding, number: int, rules: Mapping[str, Rule]) -> dict[str, Any]:
    result = {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": LEVELS.get(finding.severity, "warning"),
        "message": {"text": message(finding.title)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(rules[finding.rule].file), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [
                    {
                        "name": finding.subject_id,
                        "fullyQualifiedName": finding.subject,
                        "kind": finding.subject_kind,
                    }
                ],
            }
        ],
        "partialFingerprints": {
            "findingId/v1": finding.finding_id,
            # code scanning distinguishes alerts by this: all results of a rule have the same line
            "primaryLocationLineHash": f"{finding.finding_id}:1",
        },
        "baselineState": _baseline(source, finding),
        "properties": json_stream.known(
            {
                "company": finding.company,
                "severity": finding.severity,
                "status": finding.status,
                "subject_kind": finding.subject_kind,
                "subject_id": finding.subject_id,
                "object": finding.object,
                "snapshot_id": finding.snapshot_id,
                "evidence": finding.evidence,
                "remedy": finding.remedy,
                "first_seen": json_stream.iso(finding.first_seen),
                "last_seen": json_stream.iso(finding.last_seen),
                "opened_at": json_stream.iso(finding.opened_at),
                "reopened": finding.reopened,
                "resolved_reason": finding.resolved_reason,
                "resolved_at": json_stream.iso(finding.resolved_at),
                "note": finding.note,
                "waiver_owner": finding.waiver_owner,
                "waiver_expires": finding.waiver_expires,
            }
        ),
    }
    if finding.status == "waived":
        waiver = {"kind": "external", "status": "accepted", "justification": finding.waiver_reason}
        result["suppressions"] = [json_stream.known(waiver)]
    return result


def _baseline(source: Source, finding: Finding) -> str:
    """The state compared with the previous snapshot: new, unchanged, or absent if it is resolved."""
    if finding.status == "resolved":
        return "absent"
    shown = source.snapshots.get(finding.company)
    return "new" if shown is not None and finding.first_seen >= shown.as_of else "unchanged"
