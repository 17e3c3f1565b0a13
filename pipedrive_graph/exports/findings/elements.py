"""The exported findings, including waived and resolved ones, and the texts of their rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.exports.source import Source
from pipedrive_graph.published.findings import WORST_FIRST

_COLUMNS = (
    "company", "finding_id", "rule", "severity", "subject_kind", "subject_id", "object", "snapshot_id",
    "title", "CAST(evidence AS VARCHAR)", "remedy", "first_seen", "last_seen", "opened_at", "reopened",
    "status", "resolved_reason", "resolved_at", "note", "waiver_reason", "waiver_owner", "waiver_expires",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """The texts of a rule.

    Attributes:
        file: the path of its file, from the project's root; for a custom rule, from the home folder.
    """

    name: str
    title: str
    severity: str
    meaning: str
    remedy: str
    controls: str
    file: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the table findings, with its evidence parsed."""

    company: str
    finding_id: str
    rule: str
    severity: str
    subject_kind: str
    subject_id: str
    object: str | None
    snapshot_id: str | None
    title: str
    evidence: Any
    remedy: str | None
    first_seen: datetime
    last_seen: datetime
    opened_at: datetime | None
    reopened: int | None
    status: str
    resolved_reason: str | None
    resolved_at: datetime | None
    note: str | None
    waiver_reason: str | None
    waiver_owner: str | None
    waiver_expires: date | None

    @property
    def subject(self) -> str:
        """Its subject, unique across companies."""
        return f"{self.company}/{self.subject_kind}/{self.subject_id}"


def findings(source: Source) -> Iterator[Finding]:
    """The findings: open ones first, worst first."""
    for row in source.stream(source.query("findings", ", ".join(_COLUMNS), order=WORST_FIRST)):
        evidence = None if row[9] is None else json.loads(row[9])
        yield Finding(*(*row[:9], evidence, *row[10:]))


def rules(source: Source) -> dict[str, Rule]:
    """The published rules, and former rules that still have findings."""
    texts = "rule, title, severity, meaning, remedy, controls"
    known = {
        name: Rule(name, title, severity, meaning, remedy, controls, _file(source, name))
        for name, title, severity, meaning, remedy, controls in source.stream(source.query("rules", texts))
    }
    for rule, severity in source.stream(
        f"SELECT rule, any_value(severity ORDER BY severity) FROM ({source.query('findings')}) GROUP BY rule"
    ):
        if rule not in known:
            title = rule.replace("_", " ").capitalize()
            known[rule] = Rule(rule, title, severity, title, "", "", _file(source, rule))
    return {name: known[name] for name in sorted(known)}


def _file(source: Source, rule: str) -> str:
    """The path of a rule's file; a rule without a file gets the path that a built-in rule would have."""
    name = f"{rule}.sql"
    is_custom = source.own_rules is not None and (source.own_rules / name).is_file()
    if source.own_rules is not None and is_custom and not (sql_folder() / "findings" / name).is_file():
        return f"{source.own_rules.name}/{name}"
    return f"sql/findings/{name}"
