"""Stages committed snapshots: loads their answers, runs sql/staging on them, and checks the result.

The schemas landing and staging are in-memory databases, so they leave nothing behind in the warehouse. A
batch holds at most one snapshot per company; the table landing.batch lists them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipedrive_graph.common.timed import timed
from pipedrive_graph.errors import UnusableError, WarehouseError
from pipedrive_graph.landing import CompanyLanding, Manifest
from pipedrive_graph.warehouse import steps
from pipedrive_graph.warehouse.checks import check_key
from pipedrive_graph.warehouse.database import insert_rows, is_from_outside, literal, quoted, rows
from pipedrive_graph.warehouse.schema import ANSWERS
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import Models

_log = logging.getLogger(__name__)

_LINE_SPACE = 16 * 1024 * 1024
"""Default size in bytes of the longest line that the JSON reader accepts; longer lines raise it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A committed snapshot that is not in the history yet, and its position in the company's chain."""

    landing: CompanyLanding
    manifest: Manifest
    digest: str
    position: int

    @property
    def as_of(self) -> datetime:
        """When the snapshot was started: a naive time in UTC."""
        return self.manifest.started_at.replace(tzinfo=None)


def taken(connection: duckdb.DuckDBPyConnection, company: str) -> list[str]:
    """The digests of the company's manifests that are in the history, oldest first."""
    digests = rows(
        connection,
        "SELECT manifest_sha256 FROM history.snapshots WHERE company = ? ORDER BY position",
        company,
    )
    return [str(digest) for (digest,) in digests]


def pending(landing: CompanyLanding, digests: list[str]) -> list[Pending]:
    """The company's snapshots that are not in the history yet, oldest first.

    Args:
        landing: the company's snapshots.
        digests: manifest digests of the snapshots in the history.

    Raises:
        LandingError: if the chain is damaged.
        UnusableError: if the history was made from snapshots that differ from those in the landing.
    """
    chain = landing.chain()
    if digests != [digest for _, digest in chain[: len(digests)]]:
        raise UnusableError(
            f"The history of '{landing.company}' was not made from the snapshots in {landing.path}."
        )
    return [
        Pending(landing, manifest, digest, position)
        for position, (manifest, digest) in enumerate(chain)
        if position >= len(digests)
    ]


def register(connection: duckdb.DuckDBPyConnection, batch: list[Pending]) -> None:
    """Insert snapshots, including rejected ones, into history.snapshots."""
    registered = [
        (
            manifest.company,
            manifest.snapshot_id,
            snapshot.as_of,
            manifest.finished_at.replace(tzinfo=None),
            manifest.verdict.status,
            manifest.identity.collect,
            manifest.users,
            manifest.roles,
            manifest.observed,
            manifest.inferred,
            manifest.requests,
            manifest.throttled,
            manifest.verdict.reason,
            manifest.identity.company_id,
            manifest.identity.token_owner,
            snapshot.position,
            snapshot.digest,
            manifest.journal.lines if manifest.journal else None,
            manifest.visibility,
            manifest.plan,
        )
        for snapshot in batch
        for manifest in [snapshot.manifest]
    ]
    insert_rows(connection, "history.snapshots", registered)


def load(connection: duckdb.DuckDBPyConnection, batch: list[Pending]) -> None:
    """Fill the schema landing with the answers of a batch of accepted snapshots, one per company.

    Raises:
        LandingError: if a file differs from its committed digest.
        WarehouseError: if the number of loaded rows differs from the manifest.
    """
    prepare(connection)
    for snapshot in batch:
        snapshot.landing.verify(snapshot.manifest, answers_only=True)
    _load(connection, batch)
    _check_row_counts(connection, batch)


def stage(connection: duckdb.DuckDBPyConnection, models: Models, batch: list[Pending]) -> None:
    """Fill the schema staging from the loaded answers.

    Raises:
        WarehouseError: if an answer cannot be read, or a key is not unique.
    """
    for model in models.of("staging"):
        try:
            with timed(_log, str(model.place)):
                _build(connection, model)
        except duckdb.Error as error:
            if is_from_outside(error):
                raise
            names = ", ".join(f"{s.manifest.snapshot_id} of '{s.manifest.company}'" for s in batch)
            raise WarehouseError(
                f"sql/staging/{model.path.name} cannot read snapshot {names}: {str(error).splitlines()[0]}"
            ) from error


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Attach empty databases landing and staging for a new batch, and create the tables of landing."""
    for name in ("landing", "staging"):
        connection.execute(f"DETACH DATABASE IF EXISTS {name}")
        connection.execute(f"ATTACH ':memory:' AS {name}")
    columns = "company VARCHAR, snapshot_id VARCHAR, as_of TIMESTAMP, visibility BOOLEAN"
    connection.execute(f"CREATE TABLE landing.batch ({columns})")
    connection.execute("CREATE TABLE landing.files (path VARCHAR, company VARCHAR)")
    columns = ", ".join(f"{name} {type_}" for name, type_ in ANSWERS.items())
    connection.execute(f"CREATE TABLE landing.answers ({columns})")


def _load(connection: duckdb.DuckDBPyConnection, batch: list[Pending]) -> None:
    """Load the lines of the files into landing.answers."""
    manifests = [(snapshot.manifest, snapshot.as_of) for snapshot in batch]
    insert_rows(
        connection,
        "landing.batch",
        [
            (manifest.company, manifest.snapshot_id, as_of, manifest.visibility)
            for manifest, as_of in manifests
        ],
    )
    loaded = [
        (str(snapshot.landing.local(snapshot.manifest, file)), snapshot, file)
        for snapshot in batch
        for file in snapshot.manifest.files
        if file.rows
    ]
    paths = [path for path, _, _ in loaded]
    longest = max([_LINE_SPACE, *(file.longest + 1 for _, _, file in loaded)])
    files = [(path, snapshot.manifest.company) for path, snapshot, _ in loaded]
    insert_rows(connection, "landing.files", files)
    # a line of a file has the time of the response as a text, `at`, and not the company
    of_line = {name: type_ for name, type_ in ANSWERS.items() if name not in {"company", "answered_at"}}
    columns = ", ".join(f'"{name}": {quoted(type_)}' for name, type_ in {**of_line, "at": "VARCHAR"}.items())
    connection.execute(f"""
        INSERT INTO landing.answers BY NAME
        SELECT files.company, {", ".join(of_line)}, CAST("at" AS TIMESTAMP) AS answered_at
        FROM read_json(
            [{", ".join(quoted(literal(path)) for path in paths)}],
            format = 'newline_delimited', compression = 'gzip', maximum_object_size = {longest},
            filename = 'path', columns = {{{columns}}}
        ) AS lines
        JOIN landing.files USING (path)""")


def _check_row_counts(connection: duckdb.DuckDBPyConnection, batch: list[Pending]) -> None:
    counted = dict(rows(connection, "SELECT company, count(*) FROM landing.answers GROUP BY company"))
    for snapshot in batch:
        written = sum(file.rows or 0 for file in snapshot.manifest.files)
        read = counted.get(snapshot.manifest.company, 0)
        if read != written:
            raise WarehouseError(
                f"Snapshot {snapshot.manifest.snapshot_id} of '{snapshot.manifest.company}' holds {written} "
                f"answers, but only {read} could be read; none of it was used."
            )


def _build(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    if model.kind is Kind.SCALAR_MACRO:
        steps.create_macro(connection, model)
        return
    count = rows(connection, f"CREATE TABLE {model.qualified} AS {model.query}")[0][0]
    check_key(connection, model, model.qualified, count=count)
