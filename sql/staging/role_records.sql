-- One row per role in the snapshot's answers, as received: from the list, or asked for by id.
-- Rows that have no readable id are in `unreadable_rows`.
--
-- key: company, role_id
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   endpoint: path of the call that brought the record
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
    company,
    as_id(record ->> '$.id') AS role_id,
    arg_max(endpoint, answered_at) AS endpoint,
    arg_max(record, answered_at) AS record
FROM records
WHERE as_id(record ->> '$.id') IS NOT NULL
GROUP BY company, role_id
