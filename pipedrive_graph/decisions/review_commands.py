"""Opens an access review over the warehouse, and takes what was decided in it, under the warehouse's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from pipedrive_graph.common import files
from pipedrive_graph.config.role_owners import RoleOwners
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.finding_commands import Tell, opened
from pipedrive_graph.decisions.review_handlers import DECIDED, OPENED, keep, known_decisions
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews import validate
from pipedrive_graph.reviews.csv_file import sheet
from pipedrive_graph.reviews.freeze import Opening, freeze, latest, roles_known
from pipedrive_graph.reviews.items import Population
from pipedrive_graph.reviews.read_file import Written
from pipedrive_graph.reviews.validate import Row
from pipedrive_graph.warehouse.database import rows, transaction
from pipedrive_graph.warehouse.sql_model import Kind
from pipedrive_graph.warehouse.sql_project import Models

USUAL = timedelta(days=30)
"""How long after its snapshot a review is due, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A review that was opened."""

    review_id: str
    population: Population


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken of a file.

    Attributes:
        company: whose review it is.
        review_id: the review.
        name: what it is called.
        counts: decisions taken, by kind.
        same: rows that say what was known already.
        refused: a sentence for each row that was not taken.
        others: decisions taken that are signed by somebody else than the owner of their row.
        open: rows of the review without a decision.
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
    settings: Settings,
    models: Models,
    owners: RoleOwners | None,
    opening: Opening,
    out: Path,
    *,
    tell: Tell,
) -> Opened:
    """Freeze who has access, write it down for those who are to decide, and publish.

    Args:
        settings: where everything lies.
        models: the rules say what a finding is called.
        owners: what reviews.toml says; None where there is no such file.
        opening: of which company, until when, by whom.
        out: the file to write, .xlsx or .csv; one that is there is not replaced.
        tell: told whom we wait for.

    Raises:
        ConfigurationError: if reviews.toml names a role that does not exist.
        DecisionError: if there is no snapshot, or nothing to review, or the file is there already.
        LandingError: if something cannot be written.
    """
    if out.exists():
        raise DecisionError(f"{out} is there already, and may hold decisions; name another file.")
    nothing = "There is no snapshot yet; run sync first."
    with opened(settings, models, tell=tell, nothing=nothing) as decisions:
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
        titles = {
            rule.name: rule.header.settings.get("title", rule.name) for rule in models.of("rules", Kind.RULE)
        }
        with transaction(connection):
            decisions.catch_up(opening.company)
            population = freeze(connection, opening, snapshot, due, known, titles)
            if not population.items:
                raise DecisionError(f"Nobody of '{opening.company}' has access; there is nothing to review.")
            review_id, sha256 = keep(settings, population)
            # nobody gets a file of a review that is not in the journal
            access = settings.output.within(out)
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
    return Opened(review_id, population)


def import_review(
    settings: Settings, models: Models, written: Sequence[Written], *, by: str | None, user: str, tell: Tell
) -> Taken:
    """Take the decisions of a file, as far as they can be taken, and publish.

    Args:
        settings: where everything lies.
        models: the files of sql/.
        written: the file's rows.
        by: who decides, whatever the rows say.
        user: who runs this.
        tell: told whom we wait for.

    Raises:
        DecisionError: if the review is not known.
    """
    review_id = validate.review_of(written)
    with opened(settings, models, tell=tell, nothing="There are no reviews yet.") as decisions:
        connection = decisions.connection
        for one in settings.companies:
            with transaction(connection):
                decisions.catch_up(one.name)
        company, name, sha256 = _review(connection, review_id)
        with transaction(connection):
            decisions.catch_up(company)  # it may be in the settings no longer
            known = known_decisions(connection, company, review_id)
            frozen = _rows(connection, company, review_id)
            found = validate.check(written, review_id, frozen, known, by=by)
            if found.taken:
                decisions.decide(
                    company,
                    DECIDED,
                    review_id=review_id,
                    sha256=sha256,
                    by=user,
                    decisions=[decision.written for decision in found.taken],
                )
    kinds = [decision.decision for decision in found.taken]
    decided = known.keys() | {decision.row_id for decision in found.taken}
    return Taken(
        company,
        review_id,
        name,
        {kind: kinds.count(kind) for kind in ("keep", "revoke", "change")},
        len(found.same),
        found.refused,
        sum(frozen[decision.row_id].is_others(decision.decided_by) for decision in found.taken),
        len(frozen.keys() - decided),
    )


def _written(population: Population, review_id: str, sha256: str, out: Path) -> bytes:
    if out.suffix.lower() == ".csv":
        return sheet(population, review_id)
    from pipedrive_graph.reviews.workbook import workbook  # openpyxl takes a while to import

    return workbook(population, review_id, sha256)


def _review(connection: duckdb.DuckDBPyConnection, review_id: str) -> tuple[str, str, str]:
    found = rows(
        connection, "SELECT company, name, sha256 FROM history.reviews WHERE review_id = ?", review_id
    )
    if not found:
        raise DecisionError(
            f"The file is of the review {review_id}, which is not known here; "
            "`pipedrive-graph review status` lists those that are."
        )
    company, name, sha256 = found[0]
    return company, name, sha256


def _rows(connection: duckdb.DuckDBPyConnection, company: str, review_id: str) -> dict[str, Row]:
    found = rows(
        connection,
        """
        SELECT row_id, coalesce(name, email, row_id), email, owner, recommendation, sha256
        FROM history.review_items
        WHERE company = ? AND review_id = ?""",
        company,
        review_id,
    )
    return {row[0]: Row(*row) for row in found}
