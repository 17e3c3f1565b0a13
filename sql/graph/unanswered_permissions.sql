-- One row per permission that the latest answer about a user omits without denying it.
-- The permission was named for the user before, or answers about other users name it. It keeps its
-- last known value, so no finding is resolved as fixed because of the omission; if it was answered
-- before, the snapshot is partial. If no answer of the company ever denies a permission, Pipedrive
-- names only held permissions: then a permission that is named for others and omitted for a user is
-- not held. A permission that no answer names any more is removed after several full snapshots: see
-- `vendor_changes`.
--
-- kind: view
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   granted: whether the user holds it, as last known; NULL if it was never known
--   observed_at: when it was last answered for the user; NULL if it never was, which is usual if
--     Pipedrive names the permission for some users only
-- example: SELECT permission, count(*) AS users FROM unanswered_permissions WHERE observed_at IS
--   NULL GROUP BY ALL ORDER BY users DESC
SELECT
    company,
    user_id,
    permission,
    granted,
    observed_at
FROM history.unanswered_permissions
