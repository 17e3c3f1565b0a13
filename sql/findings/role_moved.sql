-- One row per role that was moved below another role, within `event_open_days`. A root without a
-- parent and a root that is its own parent are the same. The event ends when the role is moved
-- back.
--
-- kind: rule
-- title: Role moved
-- severity: medium
-- meaning: A role has a different parent from before. Members of the roles above see what the
--   members of a role own, so moving a role shows the records of everybody in and under it to other
--   people.
-- remedy: Ask who moved the role, and whether the people now above it should see what its members
--   own. If not, move it back.
-- reference: NIST SP 800-53 AC-2 (account management), ISO/IEC 27001:2022 A.5.15
-- needs: roles
-- identity: subject, snapshot_id
-- event: yes
-- grows: members
WITH moves AS (
    SELECT
        company,
        CAST(access_changes.subject_id AS BIGINT) AS role_id,
        snapshot_id,
        event_snapshots.compared,
        access_changes.at AS since,
        nullif(TRY_CAST(access_changes.before AS BIGINT), CAST(access_changes.subject_id AS BIGINT))
            AS parent_before,
        nullif(TRY_CAST(access_changes.after AS BIGINT), CAST(access_changes.subject_id AS BIGINT))
            AS parent_after
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    WHERE access_changes.subject_kind = 'role'
        AND access_changes.kind = 'changed'
        AND access_changes.object = 'parent_role_id'
),

-- Users in or under a role, each counted once, even in several roles or in a loop of roles.
people AS (
    SELECT
        company,
        ancestor_role_id AS role_id,
        count(DISTINCT user_id) AS members,
        count(DISTINCT role_tree.role_id) - 1 AS sub_roles
    FROM role_tree
    SEMI JOIN moves
        ON moves.company = role_tree.company
        AND moves.role_id = role_tree.ancestor_role_id
    LEFT JOIN (
        SELECT
            company,
            user_id,
            held_roles.role_id
        FROM held_roles
        INNER JOIN users USING (company, user_id)
        WHERE users.live
    ) AS memberships USING (company, role_id)
    GROUP BY company, ancestor_role_id
)

SELECT
    moves.company,
    'role' AS subject_kind,
    CAST(moves.role_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    moves.snapshot_id,
    'medium' AS severity,
    concat(
        'The role ',
        coalesce(roles.name, CAST(moves.role_id AS VARCHAR)),
        ' was moved from ',
        CASE
            WHEN moves.parent_before IS NULL THEN 'the top'
            ELSE concat('below ', coalesce(former.name, CAST(moves.parent_before AS VARCHAR)))
        END,
        ' to ',
        CASE
            WHEN moves.parent_after IS NULL THEN 'the top'
            ELSE concat('below ', coalesce(latter.name, CAST(moves.parent_after AS VARCHAR)))
        END,
        '; ',
        coalesce(people.members, 0),
        CASE WHEN people.members = 1 THEN ' active user is' ELSE ' active users are' END,
        ' in or under it.'
    ) AS title,
    to_json({
        'role': roles.name,
        'parent_before_id': moves.parent_before,
        'parent_before': former.name,
        'parent_after_id': moves.parent_after,
        'parent_after': latter.name,
        'parent_now_id': roles.parent_role_id,
        'since': moves.since,
        'snapshots': moves.compared,
        'members': coalesce(people.members, 0),
        'own_members': roles.members,
        'sub_roles': coalesce(people.sub_roles, 0)
    }) AS evidence
FROM moves
INNER JOIN roles USING (company, role_id)
LEFT JOIN roles AS former
    ON former.company = moves.company
    AND former.role_id = moves.parent_before
LEFT JOIN roles AS latter
    ON latter.company = moves.company
    AND latter.role_id = moves.parent_after
LEFT JOIN people
    ON people.company = moves.company
    AND people.role_id = moves.role_id
ANTI JOIN moves AS returns
    ON returns.company = moves.company
    AND returns.role_id = moves.role_id
    AND returns.since > moves.since
    AND returns.parent_after IS NOT DISTINCT FROM moves.parent_before
WHERE moves.parent_before IS DISTINCT FROM moves.parent_after
