"""Finds the finding that a person names by the beginning of its id, and checks that it can be decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import duckdb

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.findings.rule_header import is_event
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_project import Models


class Identified(Protocol):
    """A finding that has its whole id."""

    @property
    def finding_id(self) -> str:
        """The id."""


FoundT = TypeVar("FoundT", bound=Identified)

SHORTEST = 6
"""Characters that the beginning of a finding's id must have."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of the warehouse, as far as a decision needs it."""

    company: str
    finding_id: str
    rule: str
    subject_id: str
    object: str | None
    title: str
    status: str
    resolved_reason: str | None


def find(connection: duckdb.DuckDBPyConnection, beginning: str) -> Found:
    """The finding of the warehouse whose id begins so.

    Raises:
        DecisionError: as `the_only` does.
    """
    query = """
        SELECT company, finding_id, rule, subject_id, object, title, status, resolved_reason
        FROM history.findings
        WHERE starts_with(finding_id, ?)
        ORDER BY finding_id"""
    return the_only(beginning, lambda start: [Found(*row) for row in rows(connection, query, start)])


def the_only(beginning: str, read: Callable[[str], Sequence[FoundT]]) -> FoundT:
    """Return the one finding whose id begins so.

    Args:
        beginning: of the id, as a person has written it.
        read: returns the findings whose ids begin so.

    Raises:
        DecisionError: if the beginning is too short, or there is not exactly one such finding.
    """
    start = beginning.strip().lower()
    if len(start) < SHORTEST:
        raise DecisionError(f"'{start}' is too short for a finding's id; give {SHORTEST} characters or more.")
    findings = read(start)
    if not findings:
        raise DecisionError(f"There is no finding {shown(start)}; `pipedrive-graph findings` lists them.")
    if len(findings) > 1:
        ids = ", ".join(finding.finding_id for finding in findings[:5])
        raise DecisionError(f"{start} is the beginning of {len(findings)} findings: {ids}; give more of it.")
    return findings[0]


def check_event(models: Models, found: Found) -> None:
    """Refuse to acknowledge what is no event, or is over.

    Raises:
        DecisionError: saying what to do instead.
    """
    rules = {rule.name: rule for rule in models.of("rules")}
    rule = rules.get(found.rule)
    if rule is not None and not is_event(rule):
        raise DecisionError(
            f"{found.finding_id} ({found.rule}) tells how things are, not what happened: change it in "
            "Pipedrive, or accept it for a time with `pipedrive-graph waive`."
        )
    if found.status == "resolved":
        raise DecisionError(f"{found.finding_id} is resolved already ({found.resolved_reason}).")


def check_waivable(found: Found) -> None:
    """Refuse to waive what is over.

    Raises:
        DecisionError: saying why.
    """
    if found.status == "resolved":
        raise DecisionError(
            f"{found.finding_id} is resolved already ({found.resolved_reason}); there is nothing to waive."
        )
