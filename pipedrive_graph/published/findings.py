"""Lists findings of the published file: filtered, worst first, those about the same thing as one."""

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
"""Characters of an id that are shown where they tell it apart."""

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
        short_id: the beginning of its id, long enough to tell it apart.
        related: ids of the findings about the same user and the same object.
        values: all columns of the published table, the evidence as an object.
    """

    short_id: str
    related: frozenset[str]
    values: dict[str, Any]

    @property
    def finding_id(self) -> str:
        """The whole id."""
        return str(self.values["finding_id"])

    def as_json(self) -> str:
        """The finding as one line of JSON."""
        return json.dumps(self.values, default=_written)


@dataclass(frozen=True, slots=True)
class Group:
    """A finding, and what else is found about the same thing."""

    lead: Listed
    also: list[Listed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which findings to list; what is empty does not limit."""

    companies: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """What was asked for.

    Attributes:
        findings: of the statuses asked for, worst first.
        counts: how many there are of each status, and within it of each severity.
        notices: a sentence for each waiver that has expired, or speaks of no finding.
    """

    findings: list[Listed]
    counts: dict[str, dict[str, int]]
    notices: list[str]


def listing(published: Path, statuses: Iterable[str], only: Filter) -> Listing:
    """Read findings from the published file.

    Raises:
        WarehouseError: if nothing is published, or by another version.
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
        counted = connection.execute(
            f"SELECT status, severity, count(*) FROM findings WHERE {where} GROUP BY ALL",
            values,
        ).fetchall()
        counts = {status: dict.fromkeys(SEVERITIES, 0) for status in STATUSES}
        for status, severity, count in counted:
            counts[status][severity] = count
        found = _read(
            connection,
            f"{where} AND list_contains($statuses, status)",
            {**values, "statuses": list(statuses)},
        )
        told = notices(connection, only.companies[0] if len(only.companies) == 1 else None)
        return Listing(found, counts, told)


def beginning_with(published: Path, beginning: str) -> list[Listed]:
    """The findings whose id begins so, in lower case: one, where it is given long enough.

    Raises:
        WarehouseError: as `listing` does.
    """
    with reading(published) as connection:
        return _read(connection, "starts_with(finding_id, $beginning)", {"beginning": beginning})


def opened(connection: duckdb.DuckDBPyConnection, company: str) -> list[Listed]:
    """The open findings of a company, in short."""
    return _read(connection, "company = $company AND status = 'open'", {"company": company}, _SHORT)


def known(published: Path, table: str, column: str) -> list[str]:
    """The values of a column of a published table, sorted.

    Raises:
        WarehouseError: as `listing` does.
    """
    with reading(published) as connection:
        found = connection.table(table).select(duckdb.ColumnExpression(column)).distinct().fetchall()
        return sorted(str(value) for (value,) in found)


def grouped(findings: Iterable[Listed]) -> list[Group]:
    """The findings in their order; one about the same thing as an earlier one stands with it."""
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
        found = dict(zip(names, row, strict=True))
        if found.get("evidence"):
            found["evidence"] = json.loads(found["evidence"])
        listed.append(Listed(short_id, frozenset(related or ()), found))
    return listed


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
