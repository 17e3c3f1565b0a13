"""Compares the evidence of waived findings with what was waived: what has grown ends a waiver."""

from __future__ import annotations

import duckdb

from pipedrive_graph.findings.rules import SEVERITIES
from pipedrive_graph.warehouse.model import Kind
from pipedrive_graph.warehouse.models import Models

_WORSE = ", ".join(f"'{name}'" for name in SEVERITIES)


def compare(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Tell of each finding in the temporary table `covered` what of it has grown since it was waived.

    That is severity, and the numbers and lists that the rule's header names as `grows`. The temporary table
    `grown` has a sentence for each finding with more than was waived.

    Args:
        connection: the warehouse, in a transaction.
        models: the rules are among them.
    """
    grows = [
        (rule.name, name.strip())
        for rule in models.of("rules", Kind.RULE)
        for name in rule.header.settings.get("grows", "").split(",")
        if name.strip()
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE rule_grows AS SELECT unnest(?) AS rule, unnest(?) AS name",
        [[rule for rule, _ in grows], [name for _, name in grows]],
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE grown AS
        WITH evidence AS (
            SELECT
                covered.finding_id, rule_grows.name,
                json_extract(findings.waived_evidence, rule_grows.name) AS was,
                json_extract(findings.evidence, rule_grows.name) AS is_now
            FROM covered
            JOIN history.findings AS findings USING (company, finding_id)
            JOIN rule_grows USING (rule)
            WHERE NOT covered.fresh
        ),
        -- made once for each list, for there may be thousands of elements to compare with it
        seen AS (
            SELECT
                *,
                list_transform(coalesce(TRY_CAST(was AS JSON[]), []), lambda one: {_same("one")}) AS known
            FROM evidence
        ),
        compared AS (
            SELECT
                *,
                list_filter(
                    TRY_CAST(is_now AS JSON[]), lambda one: NOT list_contains(known, {_same("one")})
                ) AS added,
                TRY_CAST(is_now AS DOUBLE) AS number_now,
                coalesce(TRY_CAST(was AS DOUBLE), 0) AS number_was
            FROM seen
        ),
        told AS (
            SELECT
                finding_id, name,
                CASE
                    WHEN json_type(is_now) = 'ARRAY' AND len(added) > 0 THEN concat(
                        name, ' has more: ',
                        array_to_string(
                            list_transform(added[:5], lambda one: json_extract_string(one, '$')), ', '
                        ),
                        if(len(added) > 5, concat(' and ', len(added) - 5, ' others'), '')
                    )
                    WHEN json_type(is_now) IN ('UBIGINT', 'BIGINT', 'DOUBLE') AND number_now > number_was
                    THEN concat(
                        name, ' grew from ', coalesce(json_extract_string(was, '$'), '0'),
                        ' to ', json_extract_string(is_now, '$')
                    )
                END AS sentence
            FROM compared
            UNION ALL
            SELECT
                finding_id, '' AS name,
                concat('severity rose from ', findings.waived_severity, ' to ', findings.severity)
            FROM covered
            JOIN history.findings AS findings USING (company, finding_id)
            WHERE
                NOT covered.fresh
                AND list_position([{_WORSE}], findings.severity)
                    < list_position([{_WORSE}], findings.waived_severity)
        )
        SELECT finding_id, string_agg(sentence, '; ' ORDER BY name) AS sentence
        FROM told
        WHERE sentence IS NOT NULL
        GROUP BY finding_id""")


def _same(element: str) -> str:
    """SQL: by what an element of a list is known again.

    An object is known by its ids, so that it may be renamed; what has none, by all of it.
    """
    return f"""coalesce(
                        nullif(
                            array_to_string(
                                list_transform(
                                    list_filter(
                                        list_sort(json_keys({element})),
                                        lambda key: regexp_full_match(key, '([A-Za-z0-9_]*_)?id')
                                    ),
                                    lambda key: concat(key, ' ')
                                        || json_extract_string({element}, concat('$."', key, '"'))
                                ),
                                ', '
                            ),
                            ''
                        ),
                        CAST({element} AS VARCHAR)
                    )"""
