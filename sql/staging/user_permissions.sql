-- One row per flag in the snapshot's answers about a user's permissions.
-- Answers about users who no longer exist (a snapshot may be read in two parts) are ignored. An
-- answer that is the same as in the previous snapshot has no rows. A change by Pipedrive that is
-- held back, and a permission that an answer omits without denying it (`unanswered_permissions`),
-- keep the last known value.
--
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the requested user
--   permission: name of the flag, such as can_delete_deals
--   granted: whether the user holds it; if the answer does not say, as last known, or NULL
WITH held_flags AS (
    SELECT company, user_id, permission
    FROM staging.vendor_changes
    WHERE held
),

answered_flags AS (
    SELECT
        answered.company,
        answered.user_id,
        unnest(read_answers.flags) AS flag
    FROM staging.permissions_answered AS answered
    INNER JOIN (
        SELECT DISTINCT digest, flags
        FROM staging.permission_answers
    ) AS read_answers USING (digest)
    SEMI JOIN staging.users USING (company, user_id)
    ANTI JOIN staging.held_answers USING (company, user_id)
    WHERE NOT answered.unchanged
),

flags AS (
    SELECT answered_flags.*
    FROM answered_flags
    ANTI JOIN held_flags
        ON
            held_flags.company = answered_flags.company
            AND held_flags.user_id = answered_flags.user_id
            AND held_flags.permission = answered_flags.flag.permission
)
SELECT
    company,
    user_id,
    flag.permission AS permission,
    flag.granted AS granted
FROM flags
WHERE flag.granted IS NOT NULL
UNION ALL
SELECT
    flags.company,
    flags.user_id,
    flag.permission AS permission,
    last.granted
FROM flags
LEFT JOIN history.user_permissions AS last
    ON
        last.company = flags.company
        AND last.user_id = flags.user_id
        AND last.permission = flag.permission
        AND last.valid_to IS NULL
WHERE flag.granted IS NULL
UNION ALL
SELECT company, user_id, permission, last.granted
FROM history.user_permissions AS last
SEMI JOIN held_flags USING (company, user_id, permission)
WHERE last.valid_to IS NULL
UNION ALL
SELECT company, user_id, permission, granted
FROM staging.unanswered_permissions
ANTI JOIN staging.held_answers USING (company, user_id)
ANTI JOIN staging.silent_answers USING (company, user_id)
