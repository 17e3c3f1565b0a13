"""Keeps findings over time: what fires tonight is open; what no longer fires is resolved on proof only.

A rule says in `needs:` which answers it rests on. A finding that is not repeated is resolved when all of
them came tonight (the reason says so if the rule, or what it goes by, has changed as well), when its subject
is proven gone, or when the rule is no longer there; else it stays. An event is also closed by its age, and
one that was acknowledged stays resolved. What a waiver covers is for `settling` to say.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from pipedrive_graph.findings.firing import fire
from pipedrive_graph.warehouse.database import rows
from pipedrive_graph.warehouse.model import Kind
from pipedrive_graph.warehouse.models import Models


def judge(
    connection: duckdb.DuckDBPyConnection, models: Models, *, broken: Collection[str] = ()
) -> dict[str, int]:
    """Bring history.findings up to date for the companies in landing.batch.

    Args:
        connection: the warehouse, in a transaction.
        models: the rules are among them.
        broken: qualified names of rules that cannot be run tonight; what they found before stays.

    Returns:
        How often each rule fires, by its qualified name.

    Raises:
        RuleError: naming the rule that cannot be run, and why; the transaction is spoilt.
    """
    fire(connection, models, broken=broken)
    _resolve(connection)
    _repeat(connection)
    _begin(connection)
    fired = dict(rows(connection, "SELECT rule, count(*) FROM firing GROUP BY rule"))
    return {rule.qualified: fired.get(rule.name, 0) for rule in models.of("rules", Kind.RULE)}


def _resolve(connection: duckdb.DuckDBPyConnection) -> None:
    """Resolve what does not fire tonight, where that is proven."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE resolved AS
        WITH silent AS (
            SELECT
                findings.finding_id, findings.company, findings.rule, findings.subject_kind,
                findings.subject_id, findings.rule_sha256, findings.last_seen,
                -- too long ago for its rule to tell of it: time is the proof
                CASE WHEN events.started_at < batch.as_of - to_days(thresholds.event_open_days)
                    THEN thresholds.event_open_days END AS closed_after
            FROM history.findings AS findings
            JOIN landing.batch AS batch USING (company)
            LEFT JOIN rule_thresholds AS thresholds USING (company)
            LEFT JOIN history.snapshots AS events
                ON events.company = findings.company
                AND events.snapshot_id = findings.snapshot_id
            ANTI JOIN firing ON firing.finding_id = findings.finding_id
            WHERE findings.status <> 'resolved'
        ),
        -- findings about users, of rules that rest on what permission sets contain
        of_sets AS (
            SELECT silent.finding_id, silent.company, silent.subject_id, silent.last_seen
            FROM silent
            JOIN rule_needs
                ON rule_needs.rule = silent.rule
                AND rule_needs.scope = 'all'
                AND rule_needs.endpoint = 'permissionSets/{id}'
            WHERE silent.subject_kind = 'user'
        ),
        unproven AS (
            SELECT DISTINCT silent.finding_id
            FROM silent
            -- of a rule about users and permission sets, a set does not need the answer about a user
            JOIN rule_needs
                ON rule_needs.rule = silent.rule
                AND (
                    rule_needs.scope <> 'own'
                    OR silent.subject_kind = CASE split_part(rule_needs.endpoint, '/', 1)
                        WHEN 'roles' THEN 'role'
                        WHEN 'permissionSets' THEN 'permission_set'
                        ELSE 'user'
                    END
                )
            LEFT JOIN history.coverage AS own
                ON rule_needs.scope <> 'all'
                AND own.company = silent.company
                AND own.endpoint = rule_needs.endpoint
                AND own.subject_id IS NOT DISTINCT FROM if(rule_needs.scope = 'own', silent.subject_id, NULL)
            -- who was not asked may be told in full all the same, by the members of the roles
            LEFT JOIN staging.proven AS told
                ON rule_needs.scope = 'own'
                AND told.company = silent.company
                AND told.history_table = rule_needs.history_table
                AND told.subject_id = silent.subject_id
            LEFT JOIN (
                SELECT DISTINCT company, endpoint FROM history.coverage
                WHERE outcome <> 'answered'
                    -- of what is asked for by id because no list has it, a 404 is the answer
                    AND NOT (
                        outcome = 'gone'
                        AND endpoint IN ('users/{id}', 'roles/{id}', 'permissionSets/{id}')
                    )
            ) AS hole
                ON rule_needs.scope = 'all'
                AND hole.company = silent.company
                AND hole.endpoint = rule_needs.endpoint
            WHERE if(
                rule_needs.scope = 'all',
                hole.company IS NOT NULL,
                own.outcome IS DISTINCT FROM 'answered' AND told.company IS NULL
            )
            UNION
            -- such a rule tells nothing of who has a set of which it is not known what it contains: while the
            -- user's permissions are as they were, nothing is fixed
            SELECT of_sets.finding_id
            FROM of_sets
            JOIN user_permission_sets AS entries
                ON entries.company = of_sets.company
                AND CAST(entries.user_id AS VARCHAR) = of_sets.subject_id
            LEFT JOIN permission_sets AS sets
                ON sets.company = entries.company AND sets.permission_set_id = entries.permission_set_id
            ANTI JOIN proven_absences AS absent
                ON absent.company = entries.company
                AND absent.subject_kind = 'permission_set'
                AND absent.subject_id = entries.permission_set_id
            ANTI JOIN access_changes AS changes
                ON changes.company = of_sets.company
                AND changes.subject_kind = 'user'
                AND changes.subject_id = of_sets.subject_id
                AND changes.object_kind = 'permission'
                AND changes.changed_at > of_sets.last_seen
            WHERE sets.contents IS NULL AND entries.permission_set_id IS NOT NULL
            UNION
            -- nor of whom it is not known which sets they have by now
            SELECT of_sets.finding_id
            FROM of_sets
            JOIN history.coverage AS access
                ON access.company = of_sets.company
                AND access.endpoint = 'users/{id}/access'
                AND access.subject_id = of_sets.subject_id
            WHERE access.outcome <> 'answered'
            UNION
            -- nor does it fix anything that a role was given the name that is expected
            SELECT silent.finding_id
            FROM silent
            JOIN rule_needs
                ON rule_needs.rule = silent.rule
                AND rule_needs.endpoint = 'roster/{id}/expectedRole'
            JOIN user_roles AS assigned
                ON assigned.company = silent.company
                AND CAST(assigned.user_id AS VARCHAR) = silent.subject_id
                AND assigned.active
            JOIN renames
                ON renames.company = silent.company
                AND renames.subject_kind = 'role'
                AND renames.subject_id = CAST(assigned.role_id AS VARCHAR)
                AND renames.renamed_at > silent.last_seen
            WHERE silent.subject_kind = 'user'
            UNION
            -- a rule that abstains says nothing about what it found before; where the answer about one
            -- subject can still be there, as a deactivated user's, coverage has it
            SELECT silent.finding_id
            FROM silent
            JOIN abstaining USING (company, rule)
            WHERE NOT abstaining.covered
        ),
        -- who was never there is not gone: a rule of one's own may name its subjects otherwise
        gone AS (
            SELECT silent.finding_id
            FROM silent
            JOIN (
                SELECT company, 'user' AS subject_kind, CAST(user_id AS VARCHAR) AS subject_id, valid_to
                FROM users_history
                UNION ALL
                SELECT company, 'role', CAST(role_id AS VARCHAR), valid_to FROM roles_history
                UNION ALL
                SELECT company, 'permission_set', permission_set_id, valid_to FROM permission_sets_history
            ) AS versions USING (company, subject_kind, subject_id)
            GROUP BY silent.finding_id
            HAVING bool_and(versions.valid_to IS NOT NULL)
        )
        SELECT
            silent.finding_id,
            CASE
                WHEN gone.finding_id IS NOT NULL THEN 'subject gone'
                WHEN silent.closed_after IS NOT NULL THEN concat('closed after ', closed_after, ' days')
                WHEN silent.rule_sha256 IS DISTINCT FROM rules_now.rule_sha256 THEN 'rule changed'
                ELSE 'fixed'
            END AS resolved_reason
        FROM silent
        LEFT JOIN lifecycle_rule_fingerprints AS rules_now USING (company, rule)
        LEFT JOIN gone USING (finding_id)
        LEFT JOIN unproven USING (finding_id)
        ANTI JOIN rules_broken USING (rule)
        WHERE
            gone.finding_id IS NOT NULL
            OR silent.closed_after IS NOT NULL
            OR rules_now.rule IS NULL
            OR unproven.finding_id IS NULL""")
    connection.execute("""
        UPDATE history.findings AS findings
        SET
            status = 'resolved', resolved_reason = resolved.resolved_reason, resolved_at = batch.as_of,
            note = NULL, waiver_reason = NULL, waiver_owner = NULL, waiver_expires = NULL
        FROM resolved
        JOIN landing.batch AS batch ON TRUE
        WHERE findings.finding_id = resolved.finding_id AND findings.company = batch.company""")


def _repeat(connection: duckdb.DuckDBPyConnection) -> None:
    """What fires and is known: seen once more, and open again if it was resolved but not acknowledged."""
    # Taken out and put in again: DuckDB updates long texts in place a hundred times as slowly, where they
    # come in another order than they lie in.
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE repeated AS
        WITH seen AS (
            SELECT
                findings.* REPLACE (
                    firing.severity AS severity,
                    firing.title AS title,
                    firing.evidence AS evidence,
                    firing.remedy AS remedy,
                    firing.as_of AS last_seen,
                    firing.rule_sha256 AS rule_sha256
                ),
                findings.status = 'resolved' AND findings.acknowledged_at IS NULL AS returns
            FROM history.findings AS findings
            JOIN firing ON firing.finding_id = findings.finding_id
        )
        SELECT
            * EXCLUDE (returns) REPLACE (
                if(returns, 'open', status) AS status,
                if(returns, NULL, resolved_reason) AS resolved_reason,
                if(returns, NULL, resolved_at) AS resolved_at,
                if(returns, last_seen, opened_at) AS opened_at,
                if(returns, reopened + 1, reopened) AS reopened,
                if(
                    returns,
                    concat(
                        'Came back; it was resolved on ', strftime(resolved_at, '%Y-%m-%d'),
                        ' (', resolved_reason, ').'
                    ),
                    note
                ) AS note
            )
        FROM seen""")
    connection.execute("DELETE FROM history.findings WHERE finding_id IN (SELECT finding_id FROM repeated)")
    connection.execute("INSERT INTO history.findings BY NAME FROM repeated")


def _begin(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        INSERT INTO history.findings BY NAME
        SELECT
            firing.* EXCLUDE (as_of), as_of AS first_seen, as_of AS last_seen, 'open' AS status,
            as_of AS opened_at, 0 AS reopened
        FROM firing
        ANTI JOIN history.findings USING (finding_id)""")
