"""Settles which findings are waived: by waivers that still hold, as long as the evidence does not grow.

It is a function of what is kept: done twice, it changes nothing the second time. A finding under a waiver
keeps the evidence with which it was waived. Growth ends the waiver for this finding for good; only one that
is written or changed later covers it again.
"""

from __future__ import annotations

import duckdb

from pipedrive_graph.findings.growth import compare
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.models import Models

_RENAMES = "main.renames"
"""Run here: by day, the warehouse may be one of an earlier version, which has no such table."""

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def settle(connection: duckdb.DuckDBPyConnection, models: Models, moments: str) -> None:
    """Bring the status of the findings of some companies in line with their waivers.

    Args:
        connection: the warehouse, in a transaction.
        models: rules say which of their evidence may grow.
        moments: a query of the companies, with the time by which a waiver's end is judged (`at`).
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE settling AS {moments}")
    concerned = rows(
        connection,
        """
        SELECT company FROM history.waivers SEMI JOIN settling USING (company)
        UNION ALL
        SELECT company FROM history.findings SEMI JOIN settling USING (company) WHERE status = 'waived'
        LIMIT 1""",
    )
    if not concerned:
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE renamed AS {models[_RENAMES].query}")
    _match(connection)
    _cover(connection)
    compare(connection, models)
    _waive(connection)
    _reopen(connection)
    _tell(connection)


def _form(text: str) -> str:
    """SQL: whether a text is an address, an id or a name.

    Who bears a name may have chosen it, and be called like the address or the id of somebody else. So a
    waiver's subject is compared with what has its own form only.
    """
    return f"""CASE
                    WHEN contains({text}, '@') THEN 'address'
                    WHEN regexp_full_match({text}, '[0-9]+|{_UUID}', 'i') THEN 'id'
                    ELSE 'name'
                END"""


def _match(connection: duckdb.DuckDBPyConnection) -> None:
    """Which waivers speak of which findings, whether or not they still hold."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE matches AS
        WITH candidates AS (
            SELECT
                company, findings.finding_id, findings.subject_kind, findings.subject_id,
                waivers.waiver_id, waivers.expires, waivers.read_at, lower(waivers.subject) AS subject,
                {_form("waivers.subject")} AS form
            FROM history.findings AS findings
            JOIN settling USING (company)
            JOIN history.waivers AS waivers USING (company, rule)
            WHERE
                findings.status <> 'resolved'
                -- who names no object means a finding that has none
                AND CASE
                    WHEN waivers.object IS NULL OR findings.object IS NULL
                    THEN waivers.object IS NOT DISTINCT FROM findings.object
                    ELSE findings.object = waivers.object
                        OR lower(findings.object) GLOB lower(waivers.object)
                END
                -- a waiver covers what had happened when it was read, not what happens later
                AND (findings.snapshot_id IS NULL OR findings.first_seen <= waivers.read_at)
        ),
        names AS (
            SELECT company, 'user' AS subject_kind, CAST(user_id AS VARCHAR) AS subject_id,
                unnest([email, addresses.address, name]) AS name,
                unnest(['address', 'address', 'name']) AS form,
                unnest(['email', 'email', 'name']) AS attribute
            FROM users
            LEFT JOIN history.user_addresses AS addresses USING (company, user_id)
            SEMI JOIN settling USING (company)
            UNION ALL
            SELECT company, 'role', CAST(role_id AS VARCHAR), name, 'name', 'name'
            FROM roles
            SEMI JOIN settling USING (company)
            UNION ALL
            SELECT company, 'permission_set', permission_set_id, name, 'name', 'name'
            FROM permission_sets
            SEMI JOIN settling USING (company)
            UNION ALL
            SELECT company, subject_kind, subject_id, subject_id, {_form("subject_id")}, NULL
            FROM candidates
            UNION ALL
            -- the one name that nobody in the company chooses
            SELECT company, subject_kind, subject_id, company, {_form("company")}, NULL
            FROM candidates
            WHERE subject_kind = 'company'
        )
        SELECT DISTINCT company, finding_id, waiver_id, expires, read_at
        FROM candidates
        JOIN names USING (company, subject_kind, subject_id)
        LEFT JOIN renamed USING (company, subject_kind, subject_id, attribute)
        WHERE
            -- anybody, also who has no name
            candidates.subject = '*'
            OR (
                names.form = candidates.form
                AND (lower(names.name) = candidates.subject OR lower(names.name) GLOB candidates.subject)
                -- a waiver does not cover what was given its name after it was read
                AND (
                    coalesce(renamed.renamed_at <= candidates.read_at, TRUE)
                    OR lower(renamed.before) GLOB candidates.subject
                )
            )""")


def _cover(connection: duckdb.DuckDBPyConnection) -> None:
    """The waiver that covers a finding: of those that hold and are not used up, the one read last."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE covered AS
        SELECT
            company, matches.finding_id, waivers.reason, waivers.owner, waivers.expires, waivers.read_at,
            settling.at,
            findings.waiver_read_at IS NULL OR waivers.read_at > findings.waiver_read_at AS fresh
        FROM matches
        JOIN settling USING (company)
        JOIN history.waivers AS waivers USING (company, waiver_id)
        JOIN history.findings AS findings USING (company, finding_id)
        WHERE
            waivers.expires >= CAST(settling.at AS DATE)
            AND (findings.waivers_spent_at IS NULL OR waivers.read_at > findings.waivers_spent_at)
        QUALIFY row_number() OVER (
            PARTITION BY company, matches.finding_id
            ORDER BY waivers.read_at DESC, waivers.expires DESC, matches.waiver_id
        ) = 1""")


def _waive(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        UPDATE history.findings AS findings
        SET
            status = 'waived',
            note = concat(
                'Waived by ', covered.owner, ' until ', strftime(covered.expires, '%Y-%m-%d'), ': ',
                covered.reason
            ),
            waiver_reason = covered.reason,
            waiver_owner = covered.owner,
            waiver_expires = covered.expires,
            waiver_read_at = if(fresh, covered.read_at, findings.waiver_read_at),
            waived_severity = if(fresh, findings.severity, findings.waived_severity),
            waived_evidence = if(fresh, findings.evidence, findings.waived_evidence)
        FROM covered
        ANTI JOIN grown USING (finding_id)
        WHERE findings.finding_id = covered.finding_id""")


def _reopen(connection: duckdb.DuckDBPyConnection) -> None:
    """Open what was waived and is not any more, and what came back with more than was waived."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE reopened AS
        SELECT
            company, findings.finding_id, findings.status = 'waived' AS was_waived, settling.at,
            if(grown.finding_id IS NULL, NULL, covered.read_at) AS spent_at,
            CASE
                WHEN grown.finding_id IS NOT NULL
                THEN concat('The waiver of ', covered.owner, ' no longer covers it: ', grown.sentence, '.')
                WHEN findings.waiver_expires < CAST(settling.at AS DATE) THEN concat(
                    'The waiver of ', findings.waiver_owner, ' (', findings.waiver_reason, ') expired on ',
                    strftime(findings.waiver_expires, '%Y-%m-%d'), '.'
                )
                ELSE concat(
                    'The waiver of ', findings.waiver_owner, ' (', findings.waiver_reason,
                    ') was taken back.'
                )
            END AS note
        FROM history.findings AS findings
        JOIN settling USING (company)
        LEFT JOIN covered USING (company, finding_id)
        LEFT JOIN grown USING (finding_id)
        WHERE
            findings.status <> 'resolved'
            AND (grown.finding_id IS NOT NULL OR (findings.status = 'waived' AND covered.company IS NULL))""")
    connection.execute("""
        UPDATE history.findings AS findings
        SET
            status = 'open',
            reopened = if(was_waived, findings.reopened + 1, findings.reopened),
            opened_at = if(was_waived, reopened.at, findings.opened_at),
            note = reopened.note,
            waiver_reason = NULL,
            waiver_owner = NULL,
            waiver_expires = NULL,
            waivers_spent_at = coalesce(spent_at, findings.waivers_spent_at)
        FROM reopened
        WHERE findings.finding_id = reopened.finding_id""")


def _tell(connection: duckdb.DuckDBPyConnection) -> None:
    """Say of each waiver whether it holds, and of how many findings it speaks."""
    connection.execute("""
        UPDATE history.waivers AS waivers
        SET
            findings = told.findings,
            state = CASE
                WHEN waivers.expires < CAST(told.at AS DATE) THEN 'expired'
                WHEN told.findings = 0 THEN 'unmatched'
                ELSE 'active'
            END
        FROM (
            SELECT company, waivers.waiver_id, settling.at, count(matches.finding_id) AS findings
            FROM history.waivers AS waivers
            JOIN settling USING (company)
            LEFT JOIN matches USING (company, waiver_id)
            GROUP BY ALL
        ) AS told
        WHERE waivers.company = told.company AND waivers.waiver_id = told.waiver_id""")
