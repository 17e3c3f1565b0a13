-- One row per user now: where the user stands in the role tree, and whether the user sees
-- everything. It needs no extra requests, so every company has it. `default_reach` says what
-- follows from it.
--
-- kind: table
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   live: active and not deleted; NULL means not known
--   role_ids: the roles of the user's active assignments, sorted; without any, the role in the
--     user's own record; NULL means not known
--   sees_all: whether the user sees the items of all users, as an admin of the app sales or global;
--     where Pipedrive does not give `access`, as an admin; NULL means not known
-- example: SELECT users.label FROM user_visibility JOIN users USING (company, user_id) WHERE
--   sees_all
WITH assigned AS (
    SELECT
        company,
        user_id,
        list_sort(list(user_roles.role_id)) AS role_ids
    FROM user_roles
    WHERE user_roles.active
    GROUP BY company, user_id
),

app_admins AS (
    SELECT
        company,
        user_id,
        bool_or(entries.admin AND entries.app IS NOT NULL) AS is_admin,
        -- an admin right of an unnamed app may be one of these apps
        bool_or(entries.admin IS NULL OR (entries.admin AND entries.app IS NULL)) AS unclear
    FROM user_permission_sets AS entries
    WHERE entries.app IN ('sales', 'global')
        OR entries.app IS NULL
    GROUP BY company, user_id
)

SELECT
    company,
    user_id,
    users.live,
    coalesce(
        assigned.role_ids, CASE WHEN users.role_id IS NOT NULL THEN [users.role_id] END
    ) AS role_ids,
    CASE
        WHEN NOT users.access_known THEN users.admin
        WHEN app_admins.is_admin THEN TRUE
        WHEN app_admins.unclear AND users.admin IS DISTINCT FROM FALSE THEN NULL
        ELSE FALSE
    END AS sees_all
FROM users
LEFT JOIN assigned USING (company, user_id)
LEFT JOIN app_admins USING (company, user_id)
