"""Reads the result of a company's latest run: counts, new findings and changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipedrive_graph.published import changes
from pipedrive_graph.published.changes import Change, Query
from pipedrive_graph.published.connection import reading
from pipedrive_graph.published.findings import Filter, Listed, listing


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a company's latest accepted snapshot.

    Attributes:
        counts: the number of findings by status and severity.
        open: the open findings, worst first.
        new: the open findings that this snapshot opened; all of them for a first snapshot.
        changes: the access changes since the snapshot before.
    """

    counts: dict[str, dict[str, int]]
    open: list[Listed]
    new: list[Listed]
    changes: list[Change]


def read(published: Path, company: str) -> RunResult | None:
    """Read the result of a company's latest run; None if the company is not published.

    Raises:
        WarehouseError: if nothing is published, or another version published it.
    """
    findings = listing(published, ("open",), Filter(companies=(company,)))
    with reading(published) as connection:
        rows = connection.execute(
            "SELECT snapshot_id, as_of FROM current_snapshot WHERE company = ?", [company]
        ).fetchall()
    if not rows:
        return None
    ((snapshot_id, as_of),) = rows
    since = changes.read(published, Query(since=as_of.date(), companies=(company,)))
    return RunResult(
        counts=findings.counts,
        open=findings.findings,
        new=[finding for finding in findings.findings if finding.values["opened_at"] >= as_of],
        changes=[change for change in since if change.snapshot_id == snapshot_id],
    )
