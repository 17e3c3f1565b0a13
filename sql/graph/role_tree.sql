-- One row per pair of a role and one of its ancestors; each role is its own ancestor at distance 0.
-- A root has no parent, or its parent is itself or does not exist. Every pair has one row, with the
-- smallest distance. In a loop of parents, every role is an ancestor of every other.
--
-- kind: table
-- key: company, ancestor_role_id, role_id
-- columns:
--   company: the company's name in the settings
--   ancestor_role_id: the role above, or the role itself
--   role_id: the role below
--   distance: how many levels the ancestor is above the role; 0 means the role itself
-- example: SELECT ancestor_role_id, count(*) - 1 AS below FROM role_tree GROUP BY ALL ORDER BY
--   below DESC
WITH RECURSIVE parents AS (
    SELECT
        children.company,
        children.role_id,
        elders.role_id AS parent_role_id
    FROM roles_history AS children
    LEFT JOIN roles_history AS elders
        ON elders.company = children.company
        AND elders.role_id = children.parent_role_id
        AND elders.role_id <> children.role_id
        AND elders.valid_to IS NULL
    WHERE children.valid_to IS NULL
),

-- The path up from each role. It ends at a root, or before it would visit a role a second time.
climbs AS (
    SELECT
        company,
        role_id,
        role_id AS ancestor_role_id,
        0 AS distance,
        [role_id] AS path
    FROM parents

    UNION ALL

    SELECT
        climbs.company,
        climbs.role_id,
        parents.parent_role_id AS ancestor_role_id,
        climbs.distance + 1 AS distance,
        list_append(climbs.path, parents.parent_role_id) AS path
    FROM climbs
    INNER JOIN parents
        ON parents.company = climbs.company
        AND parents.role_id = climbs.ancestor_role_id
    WHERE parents.parent_role_id IS NOT NULL
        AND NOT list_contains(climbs.path, parents.parent_role_id)
)

SELECT
    company,
    ancestor_role_id,
    role_id,
    min(distance) AS distance
FROM climbs
GROUP BY company, ancestor_role_id, role_id
