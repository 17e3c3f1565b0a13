"""Reads the findings of the access report: worst first, grouped if about the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pipedrive_graph.published.findings import STATUSES, Filter, Listed, grouped, listing
from pipedrive_graph.reports.access.evidence import Entry, entries
from pipedrive_graph.reports.access.source import Source


@dataclass(frozen=True, slots=True)
class Rule:
    """The texts of a rule; a rule that was removed, or has never run, has only its name."""

    name: str
    title: str
    meaning: str = ""
    controls: str = ""
    event: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as the report shows it.

    Attributes:
        also: whether it is about the same thing as the finding before it.
        new: whether it was opened after the compared snapshot.
        role_ids: the roles of its user, or the role that it is about.
        related: ids and rules of the shown findings about the same thing.
    """

    finding_id: str
    short_id: str
    rule: Rule
    severity: str
    status: str
    title: str
    subject_kind: str
    subject_id: str
    role_ids: tuple[int, ...]
    also: bool
    new: bool
    evidence: tuple[Entry, ...]
    remedy: str | None
    first_seen: datetime
    last_seen: datetime
    opened_at: datetime | None
    reopened: int
    resolved_reason: str | None
    resolved_at: datetime | None
    note: str | None
    waiver_reason: str | None
    waiver_owner: str | None
    waiver_expires: date | None
    related: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings that the report shows, and how many it leaves out because they were resolved earlier."""

    shown: tuple[Finding, ...]
    resolved_before: int
    rules: tuple[str, ...]
    roles: tuple[tuple[int, str], ...]


def rules_of(source: Source) -> dict[str, Rule]:
    """Read the texts of the rules, by name."""
    texts = source.connection.execute("SELECT rule, title, meaning, controls, event FROM rules").fetchall()
    return {name: Rule(name, *rest) for name, *rest in texts}


def findings(source: Source, rules: dict[str, Rule]) -> Findings:
    """Read all open and waived findings, and those resolved since the compared snapshot."""
    base = source.base.at if source.base else None
    listed = listing(source.published, STATUSES, Filter(companies=(source.company,))).findings
    included = [finding for finding in listed if not _long_resolved(finding, base)]
    named = {finding.values["finding_id"]: finding.values["rule"] for finding in included}
    seats: dict[str, list[int]] = {}
    for user_id, role_id in source.rows(
        """
        SELECT CAST(user_id AS VARCHAR), role_id FROM user_roles
        WHERE company = $company AND active ORDER BY ALL"""
    ):
        seats.setdefault(user_id, []).append(role_id)
    shown = []
    for status in STATUSES:
        for group in grouped(finding for finding in included if finding.values["status"] == status):
            for number, finding in enumerate([group.lead, *group.also]):
                shown.append(_finding(finding, rules, named, seats, base, also=number > 0))
    shown_roles = {role_id for finding in shown for role_id in finding.role_ids}
    names = source.rows(
        "SELECT role_id, coalesce(name, 'role ' || role_id) FROM roles WHERE company = $company"
    )
    return Findings(
        tuple(shown),
        len(listed) - len(included),
        tuple(sorted({finding.rule.name for finding in shown})),
        tuple(
            sorted(
                ((i, n) for i, n in names if i in shown_roles), key=lambda role: (role[1].lower(), role[0])
            )
        ),
    )


def _long_resolved(finding: Listed, base: datetime | None) -> bool:
    values = finding.values
    return values["status"] == "resolved" and (base is None or values["resolved_at"] <= base)


def _finding(
    listed: Listed,
    rules: dict[str, Rule],
    named: dict[str, str],
    seats: dict[str, list[int]],
    base: datetime | None,
    *,
    also: bool,
) -> Finding:
    values: dict[str, Any] = listed.values
    kind, subject = values["subject_kind"], values["subject_id"]
    roles = seats.get(subject, []) if kind == "user" else []
    if kind == "role" and subject.isdecimal():  # a custom rule may name a subject that is not a role
        roles = [int(subject)]
    return Finding(
        values["finding_id"],
        listed.short_id,
        rules.get(values["rule"]) or Rule(values["rule"], values["rule"]),
        values["severity"],
        values["status"],
        values["title"],
        kind,
        subject,
        tuple(roles),
        also,
        values["status"] == "open" and base is not None and values["opened_at"] > base,
        entries(values["evidence"]),
        values["remedy"],
        values["first_seen"],
        values["last_seen"],
        values["opened_at"],
        values["reopened"],
        values["resolved_reason"],
        values["resolved_at"],
        values["note"],
        values["waiver_reason"],
        values["waiver_owner"],
        values["waiver_expires"],
        tuple((name, named[name]) for name in sorted(listed.related) if name in named),
    )
