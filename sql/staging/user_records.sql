-- One row per user in tonight's answers, as received: from the list, or asked for by id.
-- A user whom two pages repeat counts once, as last seen.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   record: the user as JSON
WITH records AS (
    SELECT
        company,
        answered_at,
        unnest(CAST(answer -> '$.data' AS JSON[])) AS record
    FROM landing.answers
    WHERE endpoint = 'users' AND outcome = 'answered'
    UNION ALL
    SELECT
        company,
        answered_at,
        answer -> '$.data' AS record
    FROM landing.answers
    WHERE endpoint = 'users/{id}' AND outcome = 'answered'
)
SELECT
    company,
    as_id(record ->> '$.id') AS user_id,
    arg_max(record, answered_at) AS record
FROM records
GROUP BY company, user_id
