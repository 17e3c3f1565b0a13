-- One row per role now. A role places a user in the hierarchy (what they see); it does not decide
-- what they may do.
--
-- kind: table
-- key: company, role_id
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   name: the role's name
--   parent_role_id: the role above it, as received; NULL or the role itself for a root
--   active: false for a deleted role; NULL means not known
--   description: the role's description
--   depth: how many levels it is below its root; 0 for a root; NULL for a role in or under a loop
--   members: how many live users have an active assignment to it
--   level: the level as Pipedrive gives it, which differs from depth: a root and the roles below it
--     may have the same level
--   assignment_count: how many assignments it has, as Pipedrive counts them
--   sub_role_count: how many roles are below it, as Pipedrive counts them
-- example: SELECT name, depth, members FROM roles ORDER BY members DESC
WITH members AS (
    SELECT
        company,
        user_roles.role_id,
        count(*) AS members
    FROM user_roles
    INNER JOIN users USING (company, user_id)
    WHERE user_roles.active
        AND users.live
    GROUP BY company, user_roles.role_id
),

-- A root has no role above it. In a loop, every role has one, so the path up from there has no
-- root.
roots AS (
    SELECT
        company,
        role_id AS ancestor_role_id
    FROM role_tree
    GROUP BY company, role_id
    HAVING count(*) = 1
),

depths AS (
    SELECT
        company,
        role_tree.role_id,
        role_tree.distance AS depth
    FROM role_tree
    INNER JOIN roots USING (company, ancestor_role_id)
)

SELECT
    versions.company,
    versions.role_id,
    versions.name,
    versions.parent_role_id,
    versions.active,
    versions.description,
    depths.depth,
    coalesce(members.members, 0) AS members,
    latest.level,
    latest.assignment_count,
    latest.sub_role_count
FROM roles_history AS versions
LEFT JOIN depths USING (company, role_id)
LEFT JOIN members USING (company, role_id)
LEFT JOIN history.roles_latest AS latest USING (company, role_id)
WHERE versions.valid_to IS NULL
