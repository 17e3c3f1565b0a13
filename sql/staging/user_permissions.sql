-- One row per flag in tonight's answers about a user's permissions.
-- Answers about users who are no longer there (a snapshot may be read in two parts) do not count.
--
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user who was asked for
--   permission: name of the flag, such as can_delete_deals
--   granted: whether the user holds it; NULL where the answer says neither
WITH flags AS (
    SELECT
        company,
        as_id(asked.id) AS user_id,
        unnest(map_entries(CAST(answer -> '$.data' AS MAP(VARCHAR, JSON)))) AS flag
    FROM landing.answers
    WHERE
        endpoint = 'users/{id}/permissions'
        AND outcome = 'answered'
        AND json_type(answer, '$.data') = 'OBJECT'
)
SELECT
    company,
    user_id,
    flag.key AS permission,
    as_flag(flag.value ->> '$') AS granted
FROM flags
SEMI JOIN staging.users USING (company, user_id)
