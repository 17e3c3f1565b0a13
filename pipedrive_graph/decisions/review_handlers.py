"""Stores reviews permanently, and applies journal entries about reviews to the warehouse.

A population is stored in `journal/<company>.reviews/<review_id>.json.gz`, and the journal has its sha256, so
that `rebuild` restores the same reviews.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import duckdb
from pydantic import ValidationError

from pipedrive_graph.config.home import Home
from pipedrive_graph.decisions.finding_handlers import HANDLERS as OF_FINDINGS
from pipedrive_graph.decisions.finding_handlers import Handler, Target
from pipedrive_graph.decisions.journal import Entry, Journal
from pipedrive_graph.decisions.kept import damaged_files, read_kept, write_kept
from pipedrive_graph.decisions.replay import Decisions
from pipedrive_graph.errors import LostFileError
from pipedrive_graph.reviews.items import Population, digest, review_id
from pipedrive_graph.reviews.validate import Decision
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.sql_project import Models

OPENED = "review_opened"
"""Kind of the entry that opens a review."""

DECIDED = "review_decided"
"""Kind of the entry with decisions of a review."""

_ITEM = {
    "row_id": "VARCHAR",
    "user_id": "BIGINT",
    "name": "VARCHAR",
    "email": "VARCHAR",
    "owner": "VARCHAR",
    "live": "BOOLEAN",
    "roles": [{"role_id": "BIGINT", "name": "VARCHAR", "source": "VARCHAR"}],
    "permission_sets": [{"app": "VARCHAR", "permission_set_id": "VARCHAR", "name": "VARCHAR"}],
    "admin": "BOOLEAN",
    "admin_apps": ["VARCHAR"],
    "sensitive_permissions": [{"permission": "VARCHAR", "source": "VARCHAR"}],
    "last_login": "TIMESTAMP",
    "login_known": "BOOLEAN",
    "findings": [{"finding_id": "VARCHAR", "severity": "VARCHAR", "rule": "VARCHAR", "status": "VARCHAR"}],
    "recommendation": "VARCHAR",
    "reason": "VARCHAR",
    "sha256": "VARCHAR",
}
"""The fields of a row that are columns of history.review_items, with their types."""

_DECISION = dict.fromkeys(Decision.__dataclass_fields__, "VARCHAR")
"""The fields of a decision that are columns of history.review_decisions."""

_RESOLVE = """
    UPDATE history.findings AS findings
    SET
        status = 'resolved', resolved_reason = 'decided anew', resolved_at = decided.resolved_at,
        note = decided.note, waiver_reason = NULL, waiver_owner = NULL, waiver_expires = NULL
    FROM lifecycle.decided_again AS decided
    WHERE findings.company = decided.company AND findings.finding_id = decided.finding_id"""


def decisions_in(connection: duckdb.DuckDBPyConnection, models: Models, home: Home) -> Decisions:
    """Return the decisions of an open warehouse, with the handlers of findings and reviews."""
    return Decisions(connection, models, home, {**OF_FINDINGS, **HANDLERS})


def keep(home: Home, population: Population) -> tuple[str, str]:
    """Store a population beside the journal.

    Returns:
        The review's id, and the population's sha256.

    Raises:
        LandingError: if it cannot be written.
    """
    content = population.written()
    sha256 = digest(content)
    known_by = review_id(population, sha256)
    storage = Journal.of(home, population.company).storage
    write_kept(storage, _name(population.company, known_by), content)
    return known_by, sha256


def recall(home: Home, company: str, known_by: str, sha256: str) -> Population:
    """Read a stored population.

    Raises:
        LandingError: if it is missing or damaged.
    """
    storage, name = Journal.of(home, company).storage, _name(company, known_by)
    content = read_kept(storage, name, sha256)
    try:
        return Population.model_validate_json(content)
    except ValidationError as error:
        raise LostFileError(
            f"{storage.path(name)} was written by another version, and this version cannot read it."
        ) from error


def damaged(home: Home, company: str) -> Iterator[str]:
    """Yield the digests of the populations that the journal names and that are missing or damaged.

    Raises:
        LandingError: if the journal is damaged, or this user may not read a file, which may be undamaged.
    """
    entries = Journal.of(home, company).lines(OPENED)
    return damaged_files(
        entries,
        lambda entry: recall(home, company, entry.content["review_id"], entry.content["sha256"]),
    )


def _name(company: str, known_by: str) -> str:
    return f"{company}.reviews/{known_by}.json.gz"


def _open(target: Target, entry: Entry) -> None:
    """Insert a review and its population; skipped if a person accepted that the population is lost."""
    connection, company, content = target.connection, target.company, entry.content
    if content["sha256"] in Journal.of(target.home, company).lost():
        return
    population = recall(target.home, company, content["review_id"], content["sha256"])
    connection.execute(
        "INSERT INTO history.reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            company,
            content["review_id"],
            content["name"],
            content["snapshot"],
            population.opened_at,
            population.opened_by,
            content["due"],
            content["sha256"],
        ],
    )
    connection.execute(
        """
        INSERT INTO history.review_items BY NAME
        SELECT ? AS company, ? AS review_id, item.*
        FROM (SELECT unnest(from_json(json_extract(?, '$.items'), ?)) AS item)""",
        [company, content["review_id"], population.model_dump_json(), json.dumps([_ITEM])],
    )


def _decide(target: Target, entry: Entry) -> None:
    """Insert decisions of a review, and resolve the findings that rest on an earlier decision."""
    connection, company, content = target.connection, target.company, entry.content
    if content["sha256"] in Journal.of(target.home, company).lost():
        return
    connection.execute(
        """
        INSERT INTO history.review_decisions BY NAME
        SELECT
            ? AS company, ? AS review_id, ? AS decided_at, ? AS imported_by, ? AS snapshot_id, ? AS sha256,
            decision.*
        FROM (SELECT unnest(from_json(?, ?)) AS decision)""",
        [
            company,
            content["review_id"],
            entry.naive_at,
            content["by"],
            entry.snapshot_id,
            content["sha256"],
            json.dumps(content["decisions"], ensure_ascii=False),
            json.dumps([_DECISION]),
        ],
    )
    steps.hand_over(connection, "later_decisions", [(company, content["review_id"], entry.naive_at)])
    steps.make(connection, target.models, "lifecycle.decided_again")
    steps.execute(connection, _RESOLVE)


def known_decisions(
    connection: duckdb.DuckDBPyConnection, company: str, known_by: str
) -> Mapping[str, Mapping[str, str | None]]:
    """Return the latest decision per row of a review, by row id."""
    decisions = rows(
        connection,
        f"""
        SELECT {", ".join(_DECISION)}
        FROM history.review_decisions
        WHERE company = ? AND review_id = ?
        QUALIFY row_number() OVER (PARTITION BY row_id ORDER BY decided_at DESC) = 1""",
        company,
        known_by,
    )
    return {row[0]: dict(zip(_DECISION, row, strict=True)) for row in decisions}


HANDLERS: Mapping[str, Handler] = {OPENED: _open, DECIDED: _decide}
"""The handlers of entries about reviews, by kind."""
