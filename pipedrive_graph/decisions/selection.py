"""Looks up a finding by the beginning of its id, and checks that it can be acknowledged or waived."""

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
    """A finding with its full id."""

    @property
    def finding_id(self) -> str:
        """The full id."""


FindingT = TypeVar("FindingT", bound=Identified)

SHORTEST = 6
"""The least number of characters of an id's beginning."""


@dataclass(frozen=True, slots=True)
class DecidableFinding:
    """A finding of the warehouse, with the columns that a decision needs."""

    company: str
    finding_id: str
    rule: str
    subject_id: str
    object: str | None
    title: str
    status: str
    resolved_reason: str | None


def find(connection: duckdb.DuckDBPyConnection, beginning: str) -> DecidableFinding:
    """Return the finding of the warehouse whose id begins with a text.

    Raises:
        DecisionError: like `the_only`.
    """
    query = """
        SELECT company, finding_id, rule, subject_id, object, title, status, resolved_reason
        FROM history.findings
        WHERE starts_with(finding_id, ?)
        ORDER BY finding_id"""
    return the_only(
        beginning, lambda start: [DecidableFinding(*row) for row in rows(connection, query, start)]
    )


def the_only(beginning: str, read: Callable[[str], Sequence[FindingT]]) -> FindingT:
    """Return the only finding whose id begins with a text.

    Args:
        beginning: the beginning of the id, as a person wrote it.
        read: returns the findings whose ids begin with a text.

    Raises:
        DecisionError: if the beginning is too short, or there is not exactly one such finding.
    """
    start = beginning.strip().lower()
    if len(start) < SHORTEST:
        raise DecisionError(f"'{start}' is too short for a finding's id; give {SHORTEST} characters or more.")
    findings = read(start)
    if not findings:
        raise DecisionError(f"No finding has the id {shown(start)}; `pipedrive-graph findings` lists them.")
    if len(findings) > 1:
        ids = ", ".join(finding.finding_id for finding in findings[:5])
        raise DecisionError(
            f"{start} is the beginning of {len(findings)} findings: {ids}; give more characters."
        )
    return findings[0]


def check_event(models: Models, finding: DecidableFinding) -> None:
    """Refuse to acknowledge a finding that is not an event, or is resolved.

    Raises:
        DecisionError: with what to do instead.
    """
    rules = {rule.name: rule for rule in models.of("rules")}
    rule = rules.get(finding.rule)
    if rule is not None and not is_event(rule):
        raise DecisionError(
            f"{finding.finding_id} ({finding.rule}) is a state, not an event, and cannot be acknowledged: fix"
            " it in Pipedrive, or accept it for a time with `pipedrive-graph waive`."
        )
    if finding.status == "resolved":
        raise DecisionError(f"{finding.finding_id} is resolved already ({finding.resolved_reason}).")


def check_waivable(finding: DecidableFinding) -> None:
    """Refuse to waive a resolved finding.

    Raises:
        DecisionError: with the reason.
    """
    if finding.status == "resolved":
        raise DecisionError(
            f"{finding.finding_id} is resolved already ({finding.resolved_reason});"
            " there is nothing to waive."
        )
