-- One row per finding that has grown since it was waived: a higher severity, or more of the numbers
-- and lists that the rule's header names as `grows`. This ends the waiver for the finding.
--
-- key: company, finding_id
-- columns:
--   company: the company's name in the settings
--   finding_id: the finding
--   sentence: what has grown
WITH evidence AS (
    SELECT
        in_force.company,
        in_force.finding_id,
        grows.name,
        json_extract(findings.waived_evidence, grows.name) AS was,
        json_extract(findings.evidence, grows.name) AS is_now
    FROM lifecycle.waivers_in_force AS in_force
    INNER JOIN history.findings AS findings
        ON in_force.company = findings.company AND in_force.finding_id = findings.finding_id
    INNER JOIN run.rule_grows AS grows ON findings.rule = grows.rule
    WHERE NOT in_force.fresh
),

-- computed once per list, because thousands of elements may be compared with it
waived AS (
    SELECT
        *,
        list_transform(
            coalesce(TRY_CAST(was AS JSON[]), []), lambda element: element_identity(element)
        ) AS known
    FROM evidence
),

compared AS (
    SELECT
        *,
        list_filter(
            TRY_CAST(is_now AS JSON[]),
            lambda element: NOT list_contains(known, element_identity(element))
        ) AS added,
        TRY_CAST(is_now AS DOUBLE) AS number_now,
        coalesce(TRY_CAST(was AS DOUBLE), 0) AS number_was
    FROM waived
),

sentences AS (
    SELECT
        company,
        finding_id,
        name,
        CASE
            WHEN json_type(is_now) = 'ARRAY' AND len(added) > 0
                THEN concat(
                    name,
                    ' has more: ',
                    array_to_string(
                        list_transform(
                            added[:5], lambda element: json_extract_string(element, '$')
                        ),
                        ', '
                    ),
                    if(len(added) > 5, concat(' and ', len(added) - 5, ' others'), '')
                )
            WHEN
                json_type(is_now) IN ('UBIGINT', 'BIGINT', 'DOUBLE')
                AND number_now > number_was
                THEN concat(
                    name,
                    ' grew from ',
                    coalesce(json_extract_string(was, '$'), '0'),
                    ' to ',
                    json_extract_string(is_now, '$')
                )
        END AS sentence
    FROM compared
    UNION ALL
    SELECT
        in_force.company,
        in_force.finding_id,
        '' AS name,
        concat(
            'severity rose from ', findings.waived_severity, ' to ', findings.severity
        ) AS sentence
    FROM lifecycle.waivers_in_force AS in_force
    INNER JOIN history.findings AS findings
        ON in_force.company = findings.company AND in_force.finding_id = findings.finding_id
    WHERE
        NOT in_force.fresh
        AND list_position(['critical', 'high', 'medium', 'low', 'info'], findings.severity)
        < list_position(['critical', 'high', 'medium', 'low', 'info'], findings.waived_severity)
)

SELECT
    company,
    finding_id,
    string_agg(sentence, '; ' ORDER BY name) AS sentence
FROM sentences
WHERE sentence IS NOT NULL
GROUP BY company, finding_id
