-- One row per role whose parents lead back to it, or whose parent does not exist. A root that is
-- its own parent is not a loop. Each role of a loop is a finding; a role that is below a loop is
-- not. A parent counts as missing only with proof: see `proven_absences`.
--
-- kind: rule
-- title: Broken role tree
-- severity: medium
-- meaning: The roles above this one form a loop, or end at a role that does not exist. The tree
--   decides who sees what, so what the members see depends on how Pipedrive handles the error.
-- remedy: Put the role below an existing role that is connected to the root.
-- reference: CIS Controls v8 6.8 (role-based access control)
-- needs: roles
-- identity: subject
WITH orphans AS (
    SELECT
        roles.company,
        roles.role_id,
        roles.parent_role_id
    FROM roles
    INNER JOIN proven_absences
        ON proven_absences.company = roles.company
        AND proven_absences.subject_kind = 'role'
        AND proven_absences.subject_id = CAST(roles.parent_role_id AS VARCHAR)
),

-- Roles that are both above and below a role. Only roles in or under a loop have no depth.
loops AS (
    SELECT
        roles.company,
        roles.role_id,
        list(
            {
                'role_id': above.ancestor_role_id,
                'role': elders.name,
                'parent_role_id': elders.parent_role_id
            }
            ORDER BY above.distance
        ) AS steps
    FROM roles
    INNER JOIN role_tree AS above
        ON above.company = roles.company
        AND above.role_id = roles.role_id
    INNER JOIN role_tree AS below
        ON below.company = above.company
        AND below.ancestor_role_id = above.role_id
        AND below.role_id = above.ancestor_role_id
    INNER JOIN roles AS elders
        ON elders.company = above.company
        AND elders.role_id = above.ancestor_role_id
    WHERE roles.depth IS NULL
        AND above.distance > 0
    GROUP BY roles.company, roles.role_id
)

SELECT
    roles.company,
    'role' AS subject_kind,
    CAST(roles.role_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        'The role ',
        coalesce(roles.name, CAST(roles.role_id AS VARCHAR)),
        CASE
            WHEN loops.steps IS NULL
                THEN concat(' is below the role ', roles.parent_role_id, ', which does not exist.')
            ELSE concat(
                ' is above itself, by way of ',
                array_to_string(
                    list_transform(
                        loops.steps[1:10],
                        lambda step: coalesce(step.role, CAST(step.role_id AS VARCHAR))
                    ),
                    ', '
                ),
                CASE WHEN len(loops.steps) > 10 THEN ' and others' END,
                '.'
            )
        END
    ) AS title,
    to_json({
        'role': roles.name,
        'active': roles.active,
        'parent_role_id': roles.parent_role_id,
        'parent_exists': orphans.role_id IS NULL,
        'loop_upwards': coalesce(loops.steps, []),
        'members': roles.members,
        'since': versions.valid_from
    }) AS evidence
FROM roles
LEFT JOIN orphans USING (company, role_id)
LEFT JOIN loops USING (company, role_id)
LEFT JOIN roles_history AS versions
    ON versions.company = roles.company
    AND versions.role_id = roles.role_id
    AND versions.valid_to IS NULL
WHERE orphans.role_id IS NOT NULL
    OR loops.role_id IS NOT NULL
