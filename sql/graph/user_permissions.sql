-- One row per permission that a user's answer names, now, be it granted or not.
-- A permission that the answer leaves out is not granted and has no row. A user whose permissions
-- were never answered has no rows at all: see `users.permissions_observed_at`.
--
-- kind: table
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   granted: whether the user has it; NULL is not answered: named without a usable value
--   source: observed (answered for this user) or inferred (from users of the same access)
--   observed_at: when the user's permissions were last answered
--   since: when this value was first seen
WITH answers AS (
    SELECT
        company,
        TRY_CAST(subject_id AS BIGINT) AS user_id,
        max(last_at) AS observed_at
    FROM history.observations
    WHERE history_table = 'user_permissions'
    GROUP BY ALL
)

SELECT
    flags.company,
    flags.user_id,
    flags.permission,
    flags.granted,
    'observed' AS source,
    answers.observed_at,
    flags.valid_from AS since
FROM user_permissions_history AS flags
LEFT JOIN answers USING (company, user_id)
WHERE flags.valid_to IS NULL
