"""Opens an access review and imports its decisions, under the lock of the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from pipedrive_graph.common import files
from pipedrive_graph.config.home import Home
from pipedrive_graph.config.role_owners import RoleOwners
from pipedrive_graph.decisions.finding_commands import OnWait, opened
from pipedrive_graph.decisions.review_handlers import DECIDED, OPENED, keep, known_decisions
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews import validate
from pipedrive_graph.reviews.csv_file import sheet
from pipedrive_graph.reviews.freeze import OpenReview, freeze, latest, roles_known
from pipedrive_graph.reviews.items import Population
from pipedrive_graph.reviews.read_file import FilledRow
from pipedrive_graph.reviews.validate import Row
from pipedrive_graph.warehouse.database import rows, transaction
from pipedrive_graph.warehouse.sql_project import Models

USUAL = timedelta(days=30)
"""How long after its snapshot a review is due by default."""


@dataclass(frozen=True, slots=True)
class ReviewOpened:
    """A review that was opened."""

    review_id: str
    population: Population


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of importing a file.

    Attributes:
        company: the company of the review.
        review_id: the review's id.
        name: the review's name.
        counts: new decisions, by kind.
        same: number of rows whose decision was known already.
        refused: a sentence for each rejected row.
        others: number of new decisions by somebody else than the owner of the row.
        open: number of rows of the review without a decision.
    """

    company: str
    review_id: str
    name: str
    counts: dict[str, int]
    same: int
    refused: list[str]
    others: int
    open: int


def open_review(
    home: Home,
    models: Models,
    companies: Sequence[str],
    owners: RoleOwners | None,
    opening: OpenReview,
    out: Path,
    *,
    on_wait: OnWait,
) -> ReviewOpened:
    """Freeze who has access, write the file for the reviewers, and publish.

    Args:
        home: the home folder.
        models: the files of sql/.
        companies: the names of the companies in the settings.
        owners: the content of reviews.toml; None if the file does not exist.
        opening: the request to open the review.
        out: the file to write, .xlsx or .csv; an existing file is not replaced.
        on_wait: called once when another process holds the lock of the warehouse.

    Raises:
        ConfigurationError: if reviews.toml names a role that does not exist.
        DecisionError: if no snapshot exists, nobody has access, or the file exists.
        LandingError: if a file cannot be written.
    """
    if out.exists():
        raise DecisionError(f"{out} exists and may hold decisions; choose another file.")
    nothing = "No snapshot exists yet; run sync first."
    with opened(home, models, companies, on_wait=on_wait, nothing=nothing) as decisions:
        connection = decisions.connection
        snapshot = latest(connection, opening.company)
        due = opening.due or (snapshot.at + USUAL).date()
        if due < snapshot.at.date():
            raise DecisionError(
                f"The review would be due on {due}, before its snapshot of {snapshot.at:%Y-%m-%d}."
            )
        if owners is not None:
            owners.check(roles_known(connection))
        known = owners.of(opening.company) if owners else None
        with transaction(connection):
            decisions.catch_up(opening.company)
            population = freeze(connection, opening, snapshot, due, known)
            if not population.items:
                raise DecisionError(f"No user of '{opening.company}' has access; there is nothing to review.")
            review_id, sha256 = keep(home, population)
            # the file must not exist without the review being in the journal
            access = home.output.within(out)
            with files.atomically(out, on_finished=lambda written: access.prepare(written, out)) as file:
                file.write(_written(population, review_id, sha256, out))
                decisions.decide(
                    opening.company,
                    OPENED,
                    review_id=review_id,
                    snapshot=snapshot.snapshot_id,
                    sha256=sha256,
                    due=due.isoformat(),
                    name=population.name,
                )
    return ReviewOpened(review_id, population)


def import_review(
    home: Home,
    models: Models,
    companies: Sequence[str],
    filled: Sequence[FilledRow],
    *,
    by: str | None,
    user: str,
    on_wait: OnWait,
) -> ImportResult:
    """Import the valid decisions of a file, and publish.

    Args:
        home: the home folder.
        models: the files of sql/.
        companies: the names of the companies in the settings.
        filled: the file's rows.
        by: the person who decides; overrides the rows.
        user: the person who runs the command.
        on_wait: called once when another process holds the lock of the warehouse.

    Raises:
        DecisionError: if the review does not exist.
    """
    review_id = validate.review_of(filled)
    with opened(home, models, companies, on_wait=on_wait, nothing="No reviews exist yet.") as decisions:
        connection = decisions.connection
        for configured in companies:
            with transaction(connection):
                decisions.catch_up(configured)
        company, name, sha256 = _review(connection, review_id)
        with transaction(connection):
            decisions.catch_up(company)  # the settings may not list it any more
            known = known_decisions(connection, company, review_id)
            frozen = _rows(connection, company, review_id)
            checked = validate.check(filled, review_id, frozen, known, by=by)
            if checked.taken:
                decisions.decide(
                    company,
                    DECIDED,
                    review_id=review_id,
                    sha256=sha256,
                    by=user,
                    decisions=[decision.written for decision in checked.taken],
                )
    kinds = [decision.decision for decision in checked.taken]
    decided = known.keys() | {decision.row_id for decision in checked.taken}
    return ImportResult(
        company,
        review_id,
        name,
        {kind: kinds.count(kind) for kind in ("keep", "revoke", "change")},
        len(checked.same),
        checked.refused,
        sum(frozen[decision.row_id].is_others(decision.decided_by) for decision in checked.taken),
        len(frozen.keys() - decided),
    )


def _written(population: Population, review_id: str, sha256: str, out: Path) -> bytes:
    if out.suffix.lower() == ".csv":
        return sheet(population, review_id)
    from pipedrive_graph.reviews.workbook import workbook  # openpyxl is slow to import

    return workbook(population, review_id, sha256)


def _review(connection: duckdb.DuckDBPyConnection, review_id: str) -> tuple[str, str, str]:
    reviews = rows(
        connection, "SELECT company, name, sha256 FROM history.reviews WHERE review_id = ?", review_id
    )
    if not reviews:
        raise DecisionError(
            f"The file belongs to the review {review_id}, which does not exist here; "
            "`pipedrive-graph review status` lists the reviews."
        )
    company, name, sha256 = reviews[0]
    return company, name, sha256


def _rows(connection: duckdb.DuckDBPyConnection, company: str, review_id: str) -> dict[str, Row]:
    items = rows(
        connection,
        """
        SELECT row_id, coalesce(name, email, row_id), email, owner, recommendation, sha256
        FROM history.review_items
        WHERE company = ? AND review_id = ?""",
        company,
        review_id,
    )
    return {item[0]: Row(*item) for item in items}
