-- One row per flag in tonight's answers about a user's permissions.
-- Answers about users who are no longer there (a snapshot may be read in two parts) do not count.
--
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user who was asked for
--   permission: name of the flag, such as can_delete_deals
--   granted: whether the user holds it; where the answer says neither, as last known, or NULL
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
    flags.company,
    flags.user_id,
    flag.key AS permission,
    coalesce(as_flag(flag.value ->> '$'), last.granted) AS granted
FROM flags
SEMI JOIN staging.users AS users
    ON users.company = flags.company AND users.user_id = flags.user_id
LEFT JOIN history.user_permissions AS last
    ON
        last.company = flags.company
        AND last.user_id = flags.user_id
        AND last.permission = flag.key
        AND last.valid_to IS NULL
