-- One row per entry of a user's `access` now: an app, the permission set in it, admin or not.
-- A user whose `access` is empty has no row, nor has one of whom it was not given: see
-- `users.access_known`.
-- The set may not be among `permission_sets`: what dangles in Pipedrive is kept as it is.
--
-- kind: table
-- key: company, user_id, app, permission_set_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   app: the app
--   permission_set_id: the user's permission set in it, NULL where none is named
--   admin: whether the user is an admin of the app; NULL is not known
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
