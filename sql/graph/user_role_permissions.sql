-- One row per user, role and permission, with the reasons why the user holds the permission.
-- It has every row of `user_permissions`: once per active role assignment of the user, and once
-- with role_id NULL for a user without one. A permission that is granted with an empty
-- `granted_by`, and not to an admin, is unexplained.
--
-- kind: view
-- built: in memory
-- key: company, user_id, role_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user, who may be inactive
--   role_id: the role of an active assignment; NULL if the user has none
--   permission: the permission's name
--   granted: whether the user has it; NULL means not known
--   granted_by: the user's permission sets that are known to hold the permission, sorted; empty if
--     none of them does (a set that is proven not to exist holds nothing); NULL if none is known to
--     hold it and something is not known: the user's sets, the contents of a set, or, for a set
--     that grants all of its app, the app of the permission
--   granted_by_admin: whether it is granted to an admin, who holds it regardless of sets; NULL
--     means not known
--   role_share: the share of the role's members who hold it; NULL without a role or members
--   source: observed (answered for this user) or inferred
-- example: SELECT user_id, permission, granted_by FROM user_role_permissions WHERE granted AND
--   len(granted_by) > 1
WITH accounts AS (
    SELECT
        company,
        user_id,
        versions.access,
        versions.admin,
        users.access_given IS FALSE AS outdated
    FROM users_history AS versions
    LEFT JOIN users USING (company, user_id)
    WHERE versions.valid_to IS NULL
),

-- Many users share few distinct accesses, so explanations are computed per access. Its number must
-- be the same wherever it is read.
accesses AS MATERIALIZED (
    SELECT
        company,
        access,
        row_number() OVER () AS access_id
    FROM accounts
    WHERE access IS NOT NULL
    GROUP BY company, access
),

access_sets AS (
    SELECT DISTINCT
        entries.company,
        entries.access_id,
        entries.permission_set_id,
        -- a set that does not exist grants nothing
        CASE
            WHEN absent.subject_id IS NULL THEN permission_sets.grants
            ELSE CAST([] AS VARCHAR[])
        END AS contents,
        permission_sets.grants_everything
    FROM (
        SELECT
            company,
            access_id,
            unnest(access).permission_set_id AS permission_set_id
        FROM accesses
    ) AS entries
    LEFT JOIN permission_sets
        ON permission_sets.company = entries.company
        AND permission_sets.permission_set_id = entries.permission_set_id
    LEFT JOIN proven_absences AS absent
        ON absent.company = entries.company
        AND absent.subject_kind = 'permission_set'
        AND absent.subject_id = entries.permission_set_id
    -- an entry without a set grants nothing
    WHERE entries.permission_set_id IS NOT NULL
),

access_gaps AS (
    SELECT DISTINCT
        company,
        access_id
    FROM access_sets
    WHERE contents IS NULL
),

-- an admin set without a list grants every permission of its app, including unlisted ones
open_accesses AS (
    SELECT DISTINCT
        company,
        access_id
    FROM access_sets
    WHERE grants_everything
),

placed_permissions AS (
    SELECT DISTINCT
        company,
        unnest(permission_sets.contents) AS permission
    FROM permission_sets
    WHERE app IS NOT NULL
),

access_grants AS (
    SELECT
        company,
        access_id,
        permission,
        list_sort(list_distinct(list(permission_set_id))) AS granted_by
    FROM (
        SELECT
            company,
            access_id,
            permission_set_id,
            unnest(contents) AS permission
        FROM access_sets
    )
    GROUP BY company, access_id, permission
),

memberships AS (
    SELECT
        accounts.company,
        accounts.user_id,
        user_roles.role_id,
        accounts.admin,
        accesses.access_id,
        open_accesses.access_id IS NOT NULL AS is_open,
        -- for a permission that no known set grants
        CASE
            WHEN accesses.access_id IS NOT NULL
                AND access_gaps.access_id IS NULL
                AND NOT accounts.outdated
                THEN CAST([] AS VARCHAR[])
        END AS granted_by_none
    FROM accounts
    LEFT JOIN user_roles
        ON user_roles.company = accounts.company
        AND user_roles.user_id = accounts.user_id
        AND user_roles.active
    LEFT JOIN accesses
        ON accesses.company = accounts.company
        AND accesses.access = accounts.access
    LEFT JOIN access_gaps
        ON access_gaps.company = accesses.company
        AND access_gaps.access_id = accesses.access_id
    LEFT JOIN open_accesses
        ON open_accesses.company = accesses.company
        AND open_accesses.access_id = accesses.access_id
)

SELECT
    flags.company,
    flags.user_id,
    memberships.role_id,
    flags.permission,
    flags.granted,
    coalesce(
        access_grants.granted_by,
        CASE
            WHEN NOT memberships.is_open OR placed_permissions.permission IS NOT NULL
                THEN memberships.granted_by_none
        END
    ) AS granted_by,
    flags.granted AND memberships.admin AS granted_by_admin,
    role_permissions.share AS role_share,
    flags.source
FROM user_permissions AS flags
LEFT JOIN memberships
    ON memberships.company = flags.company
    AND memberships.user_id = flags.user_id
-- an access_id belongs to one company, so it need not be compared
LEFT JOIN access_grants
    ON access_grants.access_id = memberships.access_id
    AND access_grants.permission = flags.permission
LEFT JOIN placed_permissions
    ON placed_permissions.company = flags.company
    AND placed_permissions.permission = flags.permission
LEFT JOIN role_permissions
    ON role_permissions.company = flags.company
    AND role_permissions.role_id = memberships.role_id
    AND role_permissions.permission = flags.permission
