-- One row per permission that the latest answer about a user leaves out without denying it.
-- It was named for the user before, or the answers about others name it. It stays as last known, so
-- that no finding is fixed by it, and the snapshot is partial if it was answered before. Where no
-- answer of the company ever says that somebody does not hold a permission, Pipedrive names only
-- what is held: then a permission that is named for others and left out for a user is not held.
-- A permission that no answer names leaves after several full snapshots: see `vendor_changes`.
--
-- kind: view
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   granted: whether the user holds it, as last known; NULL where that was never known
--   observed_at: when it was last answered for the user; NULL where it never was: that a user's
--     answers never name it is usual where Pipedrive gives it to some users only
-- example: SELECT permission, count(*) AS users FROM unanswered_permissions WHERE observed_at IS
--   NULL GROUP BY ALL ORDER BY users DESC
SELECT
    company,
    user_id,
    permission,
    granted,
    observed_at
FROM history.unanswered_permissions
