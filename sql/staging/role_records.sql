-- One row per role in the snapshot's answers, as received, from the list or requested by id.
-- A listed role may be requested by id too, for its visibility settings; its record is that of the
-- list, which has more fields.
-- Fields whose values contradict each other (`contradictions`) are left out. Rows without a
-- readable id are in `unreadable_rows`.
--
-- key: company, role_id
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   endpoint: path of the call that returned the record
--   record: the role as JSON
WITH records AS (
    SELECT
        company,
        endpoint,
        answered_at,
        unnest(CAST(answer -> '$.data' AS JSON[])) AS record
    FROM landing.answers
    WHERE endpoint = 'roles' AND outcome = 'answered' AND json_type(answer, '$.data') = 'ARRAY'
    UNION ALL
    SELECT
        company,
        endpoint,
        answered_at,
        answer -> '$.data' AS record
    FROM landing.answers
    WHERE endpoint = 'roles/{id}' AND outcome = 'answered'
)
SELECT
    records.company,
    as_id(records.record ->> '$.id') AS role_id,
    arg_max(
        records.endpoint, row(records.endpoint = 'roles', records.answered_at)
    ) AS endpoint,
    arg_max(
        CASE
            WHEN contradicted.patch IS NULL THEN records.record
            ELSE json_merge_patch(records.record, contradicted.patch)
        END,
        row(records.endpoint = 'roles', records.answered_at)
    ) AS record
FROM records
LEFT JOIN staging.contradicted_fields AS contradicted
    ON
        contradicted.company = records.company
        AND contradicted.endpoint = records.endpoint
        AND contradicted.subject_id = CAST(as_id(records.record ->> '$.id') AS VARCHAR)
WHERE as_id(records.record ->> '$.id') IS NOT NULL
GROUP BY records.company, role_id
