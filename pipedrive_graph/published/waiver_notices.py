"""Sentences about waivers that have expired, or cover no open finding."""

from __future__ import annotations

import duckdb

from pipedrive_graph.config.waivers import FILE
from pipedrive_graph.warehouse.database import rows


def notices(connection: duckdb.DuckDBPyConnection, company: str | None = None) -> list[str]:
    """A sentence for each waiver that has expired, or speaks of no finding.

    Args:
        connection: a warehouse, or a published file, that is in use.
        company: only its waivers.
    """
    found = rows(
        connection,
        """
        SELECT DISTINCT
            rule, subject, object, owner, strftime(expires, '%Y-%m-%d'), state,
            -- of such a rule a waiver has to name the object
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
                -- what is for all companies need not speak of findings in each
                OR waiver_id NOT IN (SELECT waiver_id FROM waivers WHERE state = 'active')
            )
        ORDER BY ALL""",
        company,
        company,
    )
    sentences = []
    for rule, subject, thing, owner, expires, state, objects in found:
        what = f"{FILE}: the waiver of {rule} for {subject}{f', {thing},' if thing else ''} by {owner}"
        if state == "expired":
            sentences.append(f"{what} expired on {expires}; renew it or take it out.")
        elif objects:
            sentences.append(
                f"{what} speaks of no open finding: findings of this rule have an object; name it, "
                'or write object = "*".'
            )
        else:
            sentences.append(f"{what} speaks of no open finding; take it out if it is not needed.")
    return sentences
