-- One row per profile: a combination of company, role and permissions that compared users have.
--
-- key: profile
-- columns:
--   profile: its number, from 0; the profiles of a company have consecutive numbers
--   company: the company's name in the settings
--   role_id: the role; -1 means none
--   parent_role_id: the role above it; -1 means none, or a role that does not make its child roles
--     similar
--   held: one digit per number in compared_permissions, 1 if it is held
--   users: how many users have it
WITH parents AS (
    -- roles below the default role are not similar to each other just because they share that
    -- parent
    SELECT
        tree.company,
        tree.role_id,
        min(tree.ancestor_role_id) AS parent_role_id
    FROM role_tree AS tree
    INNER JOIN roles ON tree.company = roles.company AND tree.ancestor_role_id = roles.role_id
    WHERE
        tree.distance = 1
        AND NOT (roles.role_id = 1 AND roles.name = '(Unassigned users)')
    GROUP BY tree.company, tree.role_id
)

SELECT
    people.profile,
    any_value(people.company) AS company,
    any_value(people.role_id) AS role_id,
    coalesce(any_value(parents.parent_role_id), -1) AS parent_role_id,
    any_value(people.held) AS held,
    count(*) AS users
FROM peers.compared_users AS people
LEFT JOIN parents ON people.company = parents.company AND people.role_id = parents.role_id
WHERE people.profile IS NOT NULL
GROUP BY people.profile
