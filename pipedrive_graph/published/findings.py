"""Reads findings from the published file: filtered, worst first, and grouped if about the same thing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_graph.findings.rule_header import SEVERITIES
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.waiver_notices import notices

STATUSES = ("open", "waived", "resolved")

SHORT = 8
"""Length of a short id, if it is unique."""

_SHORT = "finding_id, severity, rule, title"

WORST_FIRST = """
    list_position(['open', 'waived', 'resolved'], status),
    list_position(['critical', 'high', 'medium', 'low', 'info'], severity),
    company, rule, subject_kind, subject_id, object, finding_id
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A finding in a list.

    Attributes:
        short_id: the beginning of its id, long enough to be unique.
        related: ids of the findings about the same user and the same object.
        values: all columns of the published table, the evidence as an object.
    """

    short_id: str
    related: frozenset[str]
    values: dict[str, Any]

    @property
    def finding_id(self) -> str:
        """The full id."""
        return str(self.values["finding_id"])

    def as_json(self) -> str:
        """Return the finding as one line of JSON."""
        return json.dumps(self.values, default=_written)


@dataclass(frozen=True, slots=True)
class Group:
    """A finding, with other findings about the same thing."""

    lead: Listed
    also: list[Listed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which findings to list; an empty field does not limit the list."""

    companies: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """The result of a filter.

    Attributes:
        findings: the findings with the requested statuses, worst first.
        counts: the number of findings by status and severity.
        notices: a sentence for each waiver that has expired or matches no open finding.
    """

    findings: list[Listed]
    counts: dict[str, dict[str, int]]
    notices: list[str]


def listing(published: Path, statuses: Iterable[str], only: Filter) -> Listing:
    """Read findings from the published file.

    Raises:
        WarehouseError: if nothing is published, or another version published it.
    """
    where = " AND ".join(
        f"(len(${name}) = 0 OR list_contains(${name}, {column}))"
        for name, column in {"companies": "company", "severities": "severity", "rules": "rule"}.items()
    )
    values = {
        "companies": list(only.companies),
        "severities": list(only.severities),
        "rules": list(only.rules),
    }
    with reading(published) as connection:
        count_rows = connection.execute(
            f"SELECT status, severity, count(*) FROM findings WHERE {where} GROUP BY ALL",
            values,
        ).fetchall()
        counts = {status: dict.fromkeys(SEVERITIES, 0) for status in STATUSES}
        for status, severity, count in count_rows:
            counts[status][severity] = count
        findings = _read(
            connection,
            f"{where} AND list_contains($statuses, status)",
            {**values, "statuses": list(statuses)},
        )
        sentences = notices(connection, only.companies[0] if len(only.companies) == 1 else None)
        return Listing(findings, counts, sentences)


def beginning_with(published: Path, beginning: str) -> list[Listed]:
    """Return the findings whose id begins with a text in lower case.

    Raises:
        WarehouseError: like `listing`.
    """
    with reading(published) as connection:
        return _read(connection, "starts_with(finding_id, $beginning)", {"beginning": beginning})


def opened(connection: duckdb.DuckDBPyConnection, company: str) -> list[Listed]:
    """Return the open findings of a company, with the columns for a summary."""
    return _read(connection, "company = $company AND status = 'open'", {"company": company}, _SHORT)


def known(published: Path, table: str, column: str) -> list[str]:
    """Return the sorted values of a column of a published table.

    Raises:
        WarehouseError: like `listing`.
    """
    with reading(published) as connection:
        values = connection.table(table).select(duckdb.ColumnExpression(column)).distinct().fetchall()
        return sorted(str(value) for (value,) in values)


def meaning(published: Path, rule: str) -> str | None:
    """Return why the findings of a rule matter; None if the rule no longer exists.

    Raises:
        WarehouseError: like `listing`.
    """
    with reading(published) as connection:
        texts = connection.execute("SELECT meaning FROM rules WHERE rule = ?", [rule]).fetchall()
        return texts[0][0] if texts else None


def grouped(findings: Iterable[Listed]) -> list[Group]:
    """Group the findings in their order; a finding joins an earlier one about the same thing."""
    groups: list[Group] = []
    by_id: dict[str, Group] = {}
    for finding in findings:
        group = next((by_id[name] for name in sorted(finding.related & by_id.keys())), None)
        if group is None:
            group = by_id[finding.values["finding_id"]] = Group(finding)
            groups.append(group)
        else:
            group.also.append(finding)
    return groups


def _read(
    connection: duckdb.DuckDBPyConnection, where: str, values: dict[str, Any], columns: str = "findings.*"
) -> list[Listed]:
    result = connection.execute(
        f"""
        SELECT
            if(
                count(*) OVER (PARTITION BY left(finding_id, {SHORT})) = 1,
                left(finding_id, {SHORT}), finding_id
            ) AS short_id,
            json_extract_string(evidence, '$.related[*].finding_id') AS related,
            {columns}
        FROM findings
        QUALIFY {where}
        ORDER BY {WORST_FIRST}""",
        values,
    )
    names = [column[0] for column in result.description or []][2:]
    listed = []
    for short_id, related, *row in result.fetchall():
        cells = dict(zip(names, row, strict=True))
        if cells.get("evidence"):
            cells["evidence"] = json.loads(cells["evidence"])
        listed.append(Listed(short_id, frozenset(related or ()), cells))
    return listed


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
