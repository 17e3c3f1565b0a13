-- One row per role and permission: how many of the role's members hold it.
-- Members are live users with an active assignment to the role. Every permission that is named for
-- at least one member has a row, even if nobody holds it. Inferred permissions count.
--
-- kind: table
-- key: company, role_id, permission
-- columns:
--   company: the company's name in the settings
--   role_id: the role
--   permission: the permission's name
--   members: how many members the role has
--   holders: how many of them hold the permission
--   inferred: how many of these holders are inferred
--   unknown: for how many members it is not known
--   share: the share of holders among the members with a known value, 0 to 1
-- example: SELECT permission, holders, members, share FROM role_permissions WHERE share
--   BETWEEN 0.01 AND 0.1 ORDER BY share
WITH memberships AS (
    SELECT
        company,
        user_id,
        user_roles.role_id,
        users.permissions_source IS NULL AS unanswered
    FROM user_roles
    INNER JOIN users USING (company, user_id)
    WHERE user_roles.active
        AND users.live
),

headcounts AS (
    SELECT
        company,
        role_id,
        count(*) AS members,
        count(*) FILTER (unanswered) AS unanswered
    FROM memberships
    GROUP BY company, role_id
),

holdings AS (
    SELECT
        company,
        memberships.role_id,
        user_permissions.permission,
        count(*) FILTER (user_permissions.granted) AS holders,
        count(*) FILTER (
            user_permissions.granted AND user_permissions.source = 'inferred'
        ) AS inferred,
        -- named without a usable value, or impossible to infer
        count(*) FILTER (
            user_permissions.granted IS NULL AND NOT memberships.unanswered
        ) AS unclear
    FROM user_permissions
    INNER JOIN memberships USING (company, user_id)
    GROUP BY company, memberships.role_id, user_permissions.permission
)

SELECT
    company,
    role_id,
    holdings.permission,
    headcounts.members,
    holdings.holders,
    holdings.inferred,
    headcounts.unanswered + holdings.unclear AS unknown,
    holdings.holders
        / nullif(headcounts.members - headcounts.unanswered - holdings.unclear, 0) AS share
FROM holdings
INNER JOIN headcounts USING (company, role_id)
