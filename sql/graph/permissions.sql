-- One row per known permission: a current or earlier answer about a user, or a permission set,
-- names it.
-- Pipedrive decides which permissions exist, by the company's plan and installed apps.
--
-- kind: table
-- key: company, permission
-- columns:
--   company: the company's name in the settings
--   permission: the permission's name
--   sensitive: whether findings.toml lists it as sensitive
--   sets: how many permission sets are known to grant it
--   holders: how many users are known to hold it, including inactive ones, observed or inferred
-- example: FROM permissions WHERE sensitive ORDER BY holders DESC
WITH holdings AS (
    SELECT
        company,
        user_permissions.permission,
        count(*) FILTER (user_permissions.granted) AS holders
    FROM user_permissions
    GROUP BY company, user_permissions.permission
),

contents AS (
    SELECT
        company,
        permission_set_id,
        unnest(list_distinct(permission_sets.grants)) AS permission
    FROM permission_sets
),

grants AS (
    SELECT
        company,
        contents.permission,
        count(*) AS sets
    FROM contents
    GROUP BY company, contents.permission
),

-- earlier answers and earlier contents of sets count as well
mentions AS (
    SELECT
        company,
        user_permissions_history.permission
    FROM user_permissions_history
    UNION
    SELECT
        company,
        unnest(permission_sets_history.contents) AS permission
    FROM permission_sets_history
)

SELECT
    company,
    permission,
    sensitive_permissions.permission IS NOT NULL AS sensitive,
    coalesce(grants.sets, 0) AS sets,
    coalesce(holdings.holders, 0) AS holders
FROM mentions
LEFT JOIN grants USING (company, permission)
LEFT JOIN holdings USING (company, permission)
LEFT JOIN sensitive_permissions USING (company, permission)
