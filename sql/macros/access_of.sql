-- One row per role, permission set, admin right and permission of a user now:
-- access_of('ana@example.com').
-- Only granted permissions are included. If two users have the same address, both are included; an
-- unknown person is an error that suggests the most similar one.
--
-- kind: macro
-- parameters:
--   person: the user's e-mail address, in any case, or the user's id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   email: the user's e-mail address
--   kind: role, permission_set, admin or permission
--   object: the id of the role or set, the app of the admin right, or the permission
--   label: the object's name, for display
--   sets: for a permission, the user's permission sets that are known to grant it, sorted by name
--   source: observed or inferred; NULL for a set or an admin right, which the user's record gives
--   since: when it was first seen; NULL if it is inferred, and for a set or an admin right that
--     existed from the start
-- example: FROM access_of('ana@example.com') WHERE kind <> 'permission'
WITH people AS (
    SELECT
        company,
        user_id,
        email
    FROM users
    WHERE lower(email) = lower(CAST(person AS VARCHAR))
        OR CAST(user_id AS VARCHAR) = CAST(person AS VARCHAR)
),

entries AS (
    SELECT
        company,
        user_id,
        user_permission_sets.app,
        user_permission_sets.permission_set_id,
        user_permission_sets.admin,
        coalesce(
            permission_sets.name, user_permission_sets.permission_set_id
        ) AS label
    FROM user_permission_sets
    SEMI JOIN people USING (company, user_id)
    LEFT JOIN permission_sets USING (company, permission_set_id)
),

-- When `access` last began to name a set or an admin right; those named from the start are not
-- included.
access_grants AS (
    SELECT
        access_changes.company,
        access_changes.subject_id,
        access_changes.object_kind,
        access_changes.object,
        max(access_changes.changed_at) AS since
    FROM access_changes
    WHERE access_changes.kind = 'granted'
        AND access_changes.subject_kind = 'user'
        AND access_changes.object_kind IN ('permission_set', 'admin')
    GROUP BY ALL
),

granted_permissions AS (
    SELECT
        company,
        user_id,
        user_role_permissions.permission,
        any_value(user_role_permissions.granted_by) AS granted_by
    FROM user_role_permissions
    SEMI JOIN people USING (company, user_id)
    WHERE user_role_permissions.granted
    GROUP BY company, user_id, user_role_permissions.permission
),

granting_sets AS (
    SELECT
        company,
        holdings.user_id,
        holdings.permission,
        list(
            DISTINCT coalesce(permission_sets.name, permission_set_id)
            ORDER BY coalesce(permission_sets.name, permission_set_id)
        ) AS sets
    FROM (
        SELECT
            company,
            user_id,
            permission,
            unnest(granted_by) AS permission_set_id
        FROM granted_permissions
    ) AS holdings
    LEFT JOIN permission_sets USING (company, permission_set_id)
    GROUP BY company, holdings.user_id, holdings.permission
),

belongings AS (
    SELECT
        company,
        user_id,
        'role' AS kind,
        CAST(user_roles.role_id AS VARCHAR) AS object,
        coalesce(roles.name, CAST(user_roles.role_id AS VARCHAR)) AS label,
        CAST([] AS VARCHAR[]) AS sets,
        user_roles.source,
        user_roles.since
    FROM user_roles
    SEMI JOIN people USING (company, user_id)
    LEFT JOIN roles USING (company, role_id)
    WHERE user_roles.active

    UNION ALL

    SELECT DISTINCT
        entries.company,
        entries.user_id,
        'permission_set' AS kind,
        entries.permission_set_id AS object,
        entries.label,
        CAST([] AS VARCHAR[]) AS sets,
        CAST(NULL AS VARCHAR) AS source,
        access_grants.since
    FROM entries
    LEFT JOIN access_grants
        ON access_grants.company = entries.company
        AND access_grants.subject_id = CAST(entries.user_id AS VARCHAR)
        AND access_grants.object_kind = 'permission_set'
        AND access_grants.object = entries.permission_set_id
    WHERE entries.permission_set_id IS NOT NULL

    UNION ALL

    SELECT DISTINCT
        entries.company,
        entries.user_id,
        'admin' AS kind,
        entries.app AS object,
        concat('admin of ', entries.app) AS label,
        CAST([] AS VARCHAR[]) AS sets,
        CAST(NULL AS VARCHAR) AS source,
        access_grants.since
    FROM entries
    LEFT JOIN access_grants
        ON access_grants.company = entries.company
        AND access_grants.subject_id = CAST(entries.user_id AS VARCHAR)
        AND access_grants.object_kind = 'admin'
        AND access_grants.object = entries.app
    WHERE entries.admin

    UNION ALL

    SELECT
        company,
        user_id,
        'permission' AS kind,
        permission AS object,
        permission AS label,
        coalesce(granting_sets.sets, []) AS sets,
        user_permissions.source,
        user_permissions.since
    FROM granted_permissions
    INNER JOIN user_permissions USING (company, user_id, permission)
    LEFT JOIN granting_sets USING (company, user_id, permission)
)

SELECT
    company,
    user_id,
    people.email,
    belongings.kind,
    belongings.object,
    belongings.label,
    belongings.sets,
    belongings.source,
    belongings.since
FROM belongings
INNER JOIN people USING (company, user_id)

UNION ALL

-- every column raises the error, so that no filter can skip it
SELECT
    error(message) AS company,
    error(message) AS user_id,
    error(message) AS email,
    error(message) AS kind,
    error(message) AS object,
    error(message) AS label,
    error(message) AS sets,
    error(message) AS source,
    error(message) AS since
FROM no_such_user(person)
WHERE error(message) IS NOT NULL
ORDER BY company, user_id, kind DESC, object
