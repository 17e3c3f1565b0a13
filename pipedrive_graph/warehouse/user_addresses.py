"""Writes history.user_addresses: the users' e-mail addresses in a normalized form, which SQL cannot compute.

Rules compare them with the roster, the domains of findings.toml and each other; `users.email` keeps the text
that Pipedrive sent. An e-mail without an @ is not an address and has no row.
"""

from __future__ import annotations

import duckdb

from pipedrive_graph.common import addresses
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.schema import KEPT

# a company from an earlier version has no addresses yet, and other batches may recompute its tables
_CHANGED = """
    (
        company IN (SELECT company FROM landing.batch)
        OR company NOT IN (SELECT company FROM history.user_addresses)
    )"""


def write(connection: duckdb.DuckDBPyConnection) -> None:
    """Replace the addresses of the companies in landing.batch by those of their current users."""
    normalized = [
        (company, user_id, address, address.rpartition("@")[2])
        for company, user_id, email in rows(
            connection,
            f"SELECT company, user_id, email FROM history.users WHERE valid_to IS NULL AND {_CHANGED}",
        )
        if (address := addresses.comparable(email)) is not None
    ]
    connection.execute(
        "DELETE FROM history.user_addresses WHERE company IN (SELECT company FROM landing.batch)"
    )
    if normalized:
        lists = ", ".join(f"unnest(CAST(? AS {type_}[]))" for type_ in KEPT["user_addresses"].values())
        connection.execute(
            f"INSERT INTO history.user_addresses SELECT {lists}",
            [list(column) for column in zip(*normalized, strict=True)],
        )
