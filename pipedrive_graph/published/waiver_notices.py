"""Notices about waivers that have expired or match no open finding."""

from __future__ import annotations

import duckdb

from pipedrive_graph.config.waivers import FILE
from pipedrive_graph.published import queries
from pipedrive_graph.warehouse.database import rows


def notices(connection: duckdb.DuckDBPyConnection, company: str | None = None) -> list[str]:
    """Return a sentence for each waiver that has expired or matches no open finding.

    Args:
        connection: a warehouse or a published file.
        company: only its waivers.
    """
    queries.create(connection, "waiver_problems")
    waivers = rows(
        connection,
        """
        SELECT rule, subject, object, owner, expires, state, needs_object FROM waiver_problems(?)
        ORDER BY ALL""",
        company,
    )
    sentences = []
    for rule, subject, thing, owner, expires, state, objects in waivers:
        what = f"{FILE}: the waiver of {rule} for {subject}{f', {thing},' if thing else ''} by {owner}"
        if state == "expired":
            sentences.append(f"{what} expired on {expires}; renew or remove it.")
        elif objects:
            sentences.append(
                f"{what} matches no open finding: findings of this rule have an object; name it, "
                'or write object = "*".'
            )
        else:
            sentences.append(f"{what} matches no open finding; remove it if it is not needed.")
    return sentences
