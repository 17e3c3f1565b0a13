-- One row per pipeline and per team in the snapshot's lists, as received.
-- Fields whose values contradict each other (`contradictions`) are left out. Rows without a
-- readable id are in `unreadable_rows`.
--
-- key: company, endpoint, subject_id
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the list: pipelines or legacyTeams
--   subject_id: the id of the pipeline or team
--   record: the row as JSON
WITH records AS (
    SELECT
        answers.company,
        answers.endpoint,
        answers.answered_at,
        unnest(CAST(answers.answer -> '$.data' AS JSON[])) AS record
    FROM landing.answers AS answers
    INNER JOIN landing.batch AS batch ON batch.company = answers.company AND batch.visibility
    WHERE
        answers.endpoint IN ('pipelines', 'legacyTeams')
        AND answers.outcome = 'answered'
        AND json_type(answers.answer, '$.data') = 'ARRAY'
),

identified AS (
    SELECT
        company,
        endpoint,
        answered_at,
        as_id(record ->> '$.id') AS subject_id,
        record
    FROM records
    WHERE as_id(record ->> '$.id') IS NOT NULL
)

SELECT
    identified.company,
    identified.endpoint,
    identified.subject_id,
    arg_max(
        CASE
            WHEN contradicted.patch IS NULL THEN identified.record
            ELSE json_merge_patch(identified.record, contradicted.patch)
        END,
        identified.answered_at
    ) AS record
FROM identified
LEFT JOIN staging.contradicted_fields AS contradicted
    ON
        contradicted.company = identified.company
        AND contradicted.endpoint = identified.endpoint
        AND contradicted.subject_id = CAST(identified.subject_id AS VARCHAR)
GROUP BY identified.company, identified.endpoint, identified.subject_id
