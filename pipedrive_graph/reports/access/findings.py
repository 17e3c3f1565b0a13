"""Reads the findings of the access report: worst first, those about the same thing together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pipedrive_graph.published.findings import STATUSES, Filter, Listed, grouped, listing
from pipedrive_graph.reports.access.evidence import Entry, entries
from pipedrive_graph.reports.access.source import Source
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says of itself; a rule that is no longer there says nothing."""

    name: str
    title: str
    meaning: str = ""
    reference: str = ""
    event: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as the report shows it.

    Attributes:
        also: whether it stands with the one before it, as about the same thing.
        new: whether it is open only since the report before.
        role_ids: the roles of its user, or the role that it is about.
        related: ids and rules of the findings about the same thing that are shown.
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
    """All findings that the report shows, and how many it leaves out as resolved before."""

    shown: tuple[Finding, ...]
    resolved_before: int
    rules: tuple[str, ...]
    roles: tuple[tuple[int, str], ...]


def rules_of(models: Models) -> dict[str, Rule]:
    """What the rules say of themselves, by name."""
    return {
        rule.name: Rule(
            rule.name,
            rule.header.settings.get("title", rule.name),
            rule.header.settings.get("meaning", ""),
            rule.header.settings.get("reference", ""),
            rule.header.settings.get("event") == "yes",
        )
        for rule in models.of("rules", Kind.RULE)
    }


def findings(source: Source, rules: dict[str, Rule]) -> Findings:
    """Read the findings: all open and waived ones, and those resolved since the report before."""
    base = source.base.at if source.base else None
    listed = listing(source.published, STATUSES, Filter(companies=(source.company,))).findings
    kept = [one for one in listed if not _long_resolved(one, base)]
    named = {one.values["finding_id"]: one.values["rule"] for one in kept}
    seats: dict[str, list[int]] = {}
    for user_id, role_id in source.rows(
        """
        SELECT CAST(user_id AS VARCHAR), role_id FROM user_roles
        WHERE company = $company AND active ORDER BY ALL"""
    ):
        seats.setdefault(user_id, []).append(role_id)
    shown = []
    for status in STATUSES:
        for group in grouped(one for one in kept if one.values["status"] == status):
            for number, one in enumerate([group.lead, *group.also]):
                shown.append(_finding(one, rules, named, seats, base, also=number > 0))
    told = {role_id for finding in shown for role_id in finding.role_ids}
    names = source.rows(
        "SELECT role_id, coalesce(name, 'role ' || role_id) FROM roles WHERE company = $company"
    )
    return Findings(
        tuple(shown),
        len(listed) - len(kept),
        tuple(sorted({finding.rule.name for finding in shown})),
        tuple(sorted(((i, n) for i, n in names if i in told), key=lambda role: (role[1].lower(), role[0]))),
    )


def _long_resolved(one: Listed, base: datetime | None) -> bool:
    values = one.values
    return values["status"] == "resolved" and (base is None or values["resolved_at"] <= base)


def _finding(
    one: Listed,
    rules: dict[str, Rule],
    named: dict[str, str],
    seats: dict[str, list[int]],
    base: datetime | None,
    *,
    also: bool,
) -> Finding:
    values: dict[str, Any] = one.values
    kind, subject = values["subject_kind"], values["subject_id"]
    roles = seats.get(subject, []) if kind == "user" else []
    if kind == "role" and subject.isdecimal():  # a rule of one's own may name what is no role
        roles = [int(subject)]
    return Finding(
        values["finding_id"],
        one.short_id,
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
        tuple((name, named[name]) for name in sorted(one.related) if name in named),
    )
