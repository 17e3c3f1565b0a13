"""Publishes the graph: writes a compact, checked and commented copy, and moves it into place by a rename.

A program that has the old file open keeps reading it; a program that opens the path later sees the new one.
"""

from __future__ import annotations

import logging
from uuid import uuid4

import duckdb

from pipedrive_graph.common import denials
from pipedrive_graph.common.timed import timed
from pipedrive_graph.config.publication import Publication
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.warehouse import attached
from pipedrive_graph.warehouse.checks import check_key
from pipedrive_graph.warehouse.database import attach, quoted, remove, rows, transaction
from pipedrive_graph.warehouse.sql_model import Kind, Model
from pipedrive_graph.warehouse.sql_project import PUBLISHED, Models

_log = logging.getLogger(__name__)


def publish(
    connection: duckdb.DuckDBPyConnection, models: Models, publication: Publication
) -> dict[str, int]:
    """Write the published file from the open warehouse, and move it into place.

    Args:
        connection: the warehouse, as `database.writer` opens it.
        models: the files of sql/.
        publication: where the published file goes.

    Returns:
        Rows by table.

    Raises:
        WarehouseError: if a copy has another number of rows than its table, a key is not unique, the
            warehouse was made by another version, or the file cannot be written; the file published before
            is unchanged.
    """
    with timed(_log, f"Publishing {publication.target.name}", announced=True):
        return _publish(connection, models, publication)


def _publish(
    connection: duckdb.DuckDBPyConnection, models: Models, publication: Publication
) -> dict[str, int]:
    target, temporary = publication.target, publication.temporary()
    try:
        remove(temporary)
        attach(connection, temporary, "published", logged=False)
        try:
            connection.execute("USE published")
            with transaction(connection):
                counts = {model.name: _copy(connection, models, model) for model in models.published()}
                file_id = uuid4().hex
                for model in models.of("main", Kind.MACRO):
                    attached.create_macro(connection, models, model, file_id)
                    comment = f"{model.comment} {attached.EXPLAINED}."
                    connection.execute(f"COMMENT ON MACRO TABLE {model.name} IS {quoted(comment)}")
                for model in models.of(PUBLISHED):
                    query = model.query.replace(attached.THIS_FILE, quoted(file_id))
                    connection.execute(f"CREATE VIEW published.main.{model.name} AS {query}")
                    _comment(connection, model, "VIEW")
            connection.execute("CHECKPOINT published")
        finally:
            connection.execute("USE warehouse")
            connection.execute("DETACH published")
        publication.put_in_place(temporary)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise WarehouseError(
            f"The warehouse was made by another version ({str(error).splitlines()[0]}); "
            f"run sync first. The published file is unchanged."
        ) from error
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = (
            denials.forbidden(target, error) if not isinstance(error, duckdb.OutOfMemoryException) else None
        )
        if reason:
            raise WarehouseError(f"{reason} The published file is unchanged.") from error
        raise WarehouseError(
            f"Cannot write {target} ({str(error).splitlines()[0]}); the published file is unchanged."
        ) from error
    finally:
        remove(temporary)
    return counts


def _copy(connection: duckdb.DuckDBPyConnection, models: Models, model: Model) -> int:
    table = f"published.main.{model.name}"
    # A view that reads only published tables is computed from their copies, which are written before it.
    # Reading it in the warehouse would compute the views behind it again.
    published = {other.qualified for other in models.published()}
    from_copies = model.kind is Kind.VIEW and model.reads <= published
    query = model.query if from_copies else f"FROM warehouse.main.{model.name}"
    copied = rows(connection, f"CREATE TABLE {table} AS {query}")[0][0]
    _comment(connection, model, "TABLE")
    if model.kind is Kind.TABLE:
        original = rows(connection, f"SELECT count(*) FROM warehouse.main.{model.name}")[0][0]
        if original != copied:
            raise WarehouseError(f"{model.name}: {original} rows in the warehouse, {copied} in the copy.")
    check_key(connection, model, table, count=copied)
    return int(copied)


def _comment(connection: duckdb.DuckDBPyConnection, model: Model, kind: str) -> None:
    name = f"published.main.{model.name}"
    comments = [f"COMMENT ON {kind} {name} IS {quoted(model.comment)}"]
    comments += [
        f'COMMENT ON COLUMN {name}."{column}" IS {quoted(comment)}'
        for column, comment in model.header.columns.items()
    ]
    connection.execute(";".join(comments))
