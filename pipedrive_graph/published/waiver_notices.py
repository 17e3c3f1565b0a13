"""Notices about waivers that have expired or match no open finding."""

from __future__ import annotations

import duckdb

from pipedrive_graph.config.waivers import FILE
from pipedrive_graph.warehouse.database import rows


def notices(connection: duckdb.DuckDBPyConnection, company: str | None = None) -> list[str]:
    """Return a sentence for each waiver that has expired or matches no open finding.

    Args:
        connection: a warehouse or a published file.
        company: only its waivers.
    """
    waivers = rows(
        connection,
        """
        SELECT DISTINCT
            rule, subject, object, owner, strftime(expires, '%Y-%m-%d'), state,
            -- a waiver of such a rule must name the object
            object IS NULL AND EXISTS (
                FROM findings
                WHERE findings.company = waivers.company AND findings.rule = waivers.rule
                    AND findings.status <> 'resolved' AND findings.object IS NOT NULL
            )
        FROM waivers
        WHERE
            (? IS NULL OR company = ?)
            AND (
                state = 'expired'
                -- a waiver for all companies need not match findings in each
                OR waiver_id NOT IN (SELECT waiver_id FROM waivers WHERE state = 'active')
            )
        ORDER BY ALL""",
        company,
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
