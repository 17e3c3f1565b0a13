-- One row per subject that the snapshot answers in full, except where the answer about permissions
-- repeats the previous one: then no version can have ended.
--
-- key: company, history_table, subject_id
-- columns:
--   company: the company's name in the settings
--   history_table: users, roles, permission_sets, user_roles or user_permissions
--   subject_id: the user, role or set
SELECT
    proven.company,
    proven.history_table,
    proven.subject_id
FROM staging.proven AS proven
ANTI JOIN (
    FROM staging.permissions_answered
    WHERE unchanged
) AS same
    ON
        proven.history_table = 'user_permissions'
        AND same.company = proven.company
        AND CAST(same.user_id AS VARCHAR) = proven.subject_id
