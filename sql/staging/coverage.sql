-- One row per call of the snapshot, with its outcome over all pages.
-- A list that Pipedrive does not have (404) is unoffered. A failed page makes the whole call
-- failed, as does an unreadable row in a list about a single subject, because the list is then
-- incomplete.
-- The access in a user's record counts as an answer of its own: it failed if the record does not
-- give the access that it gave before. An answer about permissions that names none failed too,
-- unless the company's answers name only held permissions: see `silent_answers`.
--
-- key: company, endpoint, subject_id
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the call, such as users/{id}/permissions; users/{id}/access is the access in
--     a user's record
--   subject_id: the id in the path; NULL for a list
--   outcome: answered, gone, refused, failed or unoffered
WITH incomplete AS (
    SELECT DISTINCT company, endpoint, subject_id
    FROM staging.unreadable_rows
    WHERE subject_id IS NOT NULL
),

calls AS (
    SELECT
        company,
        endpoint,
        asked.id AS subject_id,
        CASE
            WHEN bool_and(outcome = 'answered') THEN 'answered'
            WHEN bool_or(outcome = 'failed') THEN 'failed'
            WHEN bool_or(outcome = 'refused') THEN 'refused'
            WHEN asked.id IS NULL THEN 'unoffered'
            ELSE 'gone'
        END AS outcome
    FROM landing.answers
    GROUP BY company, endpoint, asked.id
)

SELECT
    calls.company,
    calls.endpoint,
    calls.subject_id,
    CASE
        WHEN calls.outcome = 'answered' AND incomplete.subject_id IS NOT NULL THEN 'failed'
        WHEN calls.outcome = 'answered' AND silent.user_id IS NOT NULL THEN 'failed'
        ELSE calls.outcome
    END AS outcome
FROM calls
LEFT JOIN incomplete USING (company, endpoint, subject_id)
LEFT JOIN staging.silent_answers AS silent
    ON
        calls.endpoint = 'users/{id}/permissions'
        AND silent.company = calls.company
        AND CAST(silent.user_id AS VARCHAR) = calls.subject_id
UNION ALL
SELECT
    company,
    'users/{id}/access' AS endpoint,
    CAST(user_id AS VARCHAR) AS subject_id,
    CASE WHEN access_given THEN 'answered' ELSE 'failed' END AS outcome
FROM staging.users
WHERE access IS NOT NULL
