"""The findings as they are exported, waived and resolved ones too, and what their rules say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.errors import ModelError
from pipedrive_graph.exports.source import Source
from pipedrive_graph.published.findings import WORST_FIRST
from pipedrive_graph.warehouse import header

_COLUMNS = (
    "company", "finding_id", "rule", "severity", "subject_kind", "subject_id", "object", "snapshot_id",
    "title", "CAST(evidence AS VARCHAR)", "remedy", "first_seen", "last_seen", "opened_at", "reopened",
    "status", "resolved_reason", "resolved_at", "note", "waiver_reason", "waiver_owner", "waiver_expires",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule's header says of it.

    Attributes:
        file: its file from the project's root, or from the home folder if it is the installation's own.
    """

    name: str
    title: str
    severity: str
    meaning: str
    remedy: str
    reference: str
    file: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the table findings, its evidence as an object."""

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
        """Its subject, so that no other company has the same."""
        return f"{self.company}/{self.subject_kind}/{self.subject_id}"


def findings(source: Source) -> Iterator[Finding]:
    """The findings, open ones first, the worst first."""
    for row in source.stream(source.query("findings", ", ".join(_COLUMNS), order=WORST_FIRST)):
        evidence = row[9]
        told = None if evidence is None else json.loads(evidence)
        yield Finding(*(*row[:9], told, *row[10:]))


def rules(source: Source) -> dict[str, Rule]:
    """All rules that are shipped, those of one's own, and those of findings whose rule is no longer there."""
    found = _read(sql_folder() / "findings", "sql/findings")
    if source.own_rules is not None:
        found = {**_read(source.own_rules, source.own_rules.name), **found}
    for rule, severity in source.stream(
        f"SELECT rule, any_value(severity ORDER BY severity) FROM ({source.query('findings')}) GROUP BY rule"
    ):
        if rule not in found:
            title = rule.replace("_", " ").capitalize()
            found[rule] = Rule(rule, title, severity, title, "", "", f"sql/findings/{rule}.sql")
    return {name: found[name] for name in sorted(found)}


def _read(folder: Path, place: str) -> dict[str, Rule]:
    found = {}
    for path in sorted(folder.glob("*.sql")):
        # a rule that cannot be read is told by sync; what it found before is exported all the same
        with suppress(ModelError, OSError):
            lines, _ = header.split(path.read_text(encoding="utf-8-sig", errors="replace"))
            said = header.parse(lines, place=str(path)).settings
            found[path.stem] = Rule(
                path.stem,
                said.get("title", path.stem),
                said.get("severity", "info"),
                said.get("meaning", ""),
                said.get("remedy", ""),
                said.get("reference", ""),
                f"{place}/{path.name}",
            )
    return found
