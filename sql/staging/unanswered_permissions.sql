-- One row per permission that an answer about a user's permissions omits without denying it.
-- These are permissions that were named for the user before, or that answers about others name or
-- named. If the company's answers name only held permissions (`denying_companies`), these are only
-- permissions that were named for the user before and that no answer names now.
--
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the requested user
--   permission: the permission's name
--   granted: whether the user holds it, as last known; NULL if it was never known
--   observed_at: when it was last answered for the user; NULL if it never was
WITH answered AS (
    SELECT company, user_id, digest
    FROM staging.permissions_answered
    SEMI JOIN staging.users USING (company, user_id)
    WHERE digest IS NOT NULL
),

answered_names AS (
    SELECT DISTINCT digest, unnest(flags).permission AS permission
    FROM staging.permission_answers
),

-- In most snapshots every answer names every permission, and nothing else is read.
missing_names AS (
    SELECT answered.company, answered.digest, names.permission, names.named
    FROM (
        SELECT DISTINCT company, digest
        FROM answered
    ) AS answered
    INNER JOIN staging.permission_names AS names USING (company)
    ANTI JOIN answered_names
        ON
            answered_names.digest = answered.digest
            AND answered_names.permission = names.permission
    WHERE NOT names.leaves
),

left_out AS (
    SELECT answered.company, answered.user_id, missing.permission, missing.named
    FROM answered
    INNER JOIN missing_names AS missing USING (company, digest)
)

SELECT
    company,
    user_id,
    permission,
    last.granted,
    CASE
        WHEN before.user_id IS NOT NULL THEN before.observed_at
        WHEN last.user_id IS NOT NULL THEN observations.last_at
    END AS observed_at
FROM left_out
LEFT JOIN (
    FROM history.user_permissions
    WHERE valid_to IS NULL
) AS last USING (company, user_id, permission)
LEFT JOIN history.unanswered_permissions AS before USING (company, user_id, permission)
LEFT JOIN staging.denying_companies AS denying USING (company)
LEFT JOIN history.observations AS observations
    ON
        observations.company = left_out.company
        AND observations.history_table = 'user_permissions'
        AND observations.subject_id = CAST(left_out.user_id AS VARCHAR)
WHERE
    denying.company IS NOT NULL
    OR (NOT left_out.named AND last.user_id IS NOT NULL)
