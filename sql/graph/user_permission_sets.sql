-- One row per entry of a user's `access` now: an app, the permission set in it, and the admin flag.
-- A user with an empty `access` has no row, nor has a user without a known `access`: see
-- `users.access_known`.
-- The set may be missing in `permission_sets`: dangling references in Pipedrive are kept.
--
-- kind: table
-- key: company, user_id, app, permission_set_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   app: the app
--   permission_set_id: the user's permission set in the app; NULL if none is named
--   admin: whether the user is an admin of the app; NULL means not known
-- example: SELECT app, admin, count(DISTINCT user_id) AS users FROM user_permission_sets GROUP
--   BY ALL ORDER BY ALL
WITH entries AS (
    SELECT
        company,
        user_id,
        unnest(access) AS entry
    FROM users_history
    WHERE valid_to IS NULL
)

SELECT
    company,
    user_id,
    entry.app AS app,
    entry.permission_set_id AS permission_set_id,
    bool_or(entry.admin) AS admin
FROM entries
GROUP BY ALL
