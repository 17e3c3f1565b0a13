-- One row per user who holds a permission now, and how: who_can('can_use_api').
-- Inactive users who still hold it are included, with `live` false. A user without a row does not
-- hold it, or was never answered for: see `users.permissions_observed_at`. A permission that
-- nothing has ever named is an error.
--
-- kind: macro
-- parameters:
--   flag: the permission's name
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   name: the user's name
--   email: the user's e-mail address
--   live: active and not deleted
--   roles: the roles of the user's active assignments, sorted by name
--   permission: the permission
--   sets: the user's permission sets that are known to grant it, sorted by name
--   admin: whether the user is an admin of any app, and so holds it regardless of sets
--   explained: whether a set or an admin right explains it; NULL if the sets are not known
--   source: observed (answered for this user) or inferred
--   since: when it was first seen
-- example: FROM who_can('can_use_api') WHERE live
WITH grants AS (
    SELECT
        company,
        user_id,
        role_id,
        permission,
        granted_by,
        granted_by_admin OR len(granted_by) > 0 AS explained,
        source
    FROM user_role_permissions
    WHERE permission = flag
        AND granted
),

granting_sets AS (
    SELECT
        company,
        entries.user_id,
        list(
            DISTINCT coalesce(permission_sets.name, entries.permission_set_id)
            ORDER BY coalesce(permission_sets.name, entries.permission_set_id)
        ) AS sets
    FROM (
        SELECT
            company,
            user_id,
            unnest(granted_by) AS permission_set_id
        FROM grants
    ) AS entries
    LEFT JOIN permission_sets USING (company, permission_set_id)
    GROUP BY company, entries.user_id
),

holders AS (
    SELECT
        company,
        grants.user_id,
        grants.permission,
        bool_or(grants.explained) AS explained,
        any_value(grants.source) AS source,
        list(
            coalesce(roles.name, CAST(role_id AS VARCHAR))
            ORDER BY coalesce(roles.name, CAST(role_id AS VARCHAR))
        ) FILTER (role_id IS NOT NULL) AS roles
    FROM grants
    LEFT JOIN roles USING (company, role_id)
    GROUP BY company, grants.user_id, grants.permission
)

SELECT
    company,
    user_id,
    users.name,
    users.email,
    users.live,
    coalesce(holders.roles, []) AS roles,
    permission,
    coalesce(granting_sets.sets, []) AS sets,
    users.admin,
    holders.explained,
    holders.source,
    user_permissions.since
FROM holders
INNER JOIN user_permissions USING (company, user_id, permission)
LEFT JOIN users USING (company, user_id)
LEFT JOIN granting_sets USING (company, user_id)

UNION ALL

-- every column raises the error, so that no filter can skip it
SELECT
    error(message) AS company,
    error(message) AS user_id,
    error(message) AS name,
    error(message) AS email,
    error(message) AS live,
    error(message) AS roles,
    error(message) AS permission,
    error(message) AS sets,
    error(message) AS admin,
    error(message) AS explained,
    error(message) AS source,
    error(message) AS since
FROM no_such_permission(flag)
WHERE error(message) IS NOT NULL
ORDER BY company, live DESC, name, user_id
