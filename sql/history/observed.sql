-- One row per subject that the snapshot answers in full: when, and with which access.
--
-- key: company, history_table, subject_id
-- writes: history.observations
-- columns:
--   company: the company's name in the settings
--   history_table: users, roles, permission_sets, user_roles or user_permissions
--   subject_id: the user, role or set
--   as_of: the time of the snapshot
--   signature: for the permissions of a user, a digest of the access that should decide them: as
--     long as it stays the same, the observation stays valid; NULL otherwise, or if it is not known
--   is_last: whether the answer counts as the last one; not if some of its values are held back
SELECT
    proven.company,
    proven.history_table,
    proven.subject_id,
    batch.as_of,
    signatures.signature,
    held.user_id IS NULL AS is_last
FROM staging.proven AS proven
INNER JOIN landing.batch AS batch ON proven.company = batch.company
LEFT JOIN staging.access_signatures AS signatures
    ON
        proven.history_table = 'user_permissions'
        AND proven.company = signatures.company
        AND proven.subject_id = CAST(signatures.user_id AS VARCHAR)
LEFT JOIN (
    SELECT DISTINCT
        company,
        user_id
    FROM staging.vendor_changes
    WHERE held
) AS held
    ON
        proven.history_table = 'user_permissions'
        AND proven.company = held.company
        AND proven.subject_id = CAST(held.user_id AS VARCHAR)
