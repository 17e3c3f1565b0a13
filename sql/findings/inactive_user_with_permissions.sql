-- One row per deactivated or deleted user who still has a permission or a permission set.
--
-- kind: rule
-- title: Inactive user with permissions
-- severity: medium
-- meaning: A deactivated or deleted account still holds permissions or permission sets.
--   Reactivating the account restores them.
-- remedy: Remove the permission sets from the user.
-- reference: CIS Controls v8 6.2 (access revoking process), ISO/IEC 27001:2022 A.5.18
-- needs: users, users/{id}/permissions
-- identity: subject
-- grows: permissions, permission_sets
WITH held_permissions AS (
    SELECT
        company,
        user_id,
        list(user_permissions.permission ORDER BY user_permissions.permission) AS permissions,
        max(user_permissions.since) AS since
    FROM user_permissions
    INNER JOIN users USING (company, user_id)
    WHERE NOT users.live
        AND user_permissions.granted
        AND user_permissions.source = 'observed'
        -- permissions that were read before the user was deactivated may be gone since
        AND users.permissions_observed_at >= users.changed_at
    GROUP BY company, user_id
),

set_lists AS (
    SELECT
        company,
        user_id,
        list(
            DISTINCT {'permission_set_id': permission_set_id, 'set': held_sets.name}
            ORDER BY {'permission_set_id': permission_set_id, 'set': held_sets.name}
        ) AS sets
    FROM held_sets
    INNER JOIN users USING (company, user_id)
    WHERE NOT users.live
    GROUP BY company, user_id
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        users.label,
        ' is ',
        CASE WHEN users.deleted THEN 'deleted' ELSE 'deactivated' END,
        ' but still holds ',
        CASE
            WHEN users.permissions_known
                THEN concat(
                    coalesce(len(held_permissions.permissions), 0),
                    CASE
                        WHEN len(held_permissions.permissions) = 1 THEN ' permission'
                        ELSE ' permissions'
                    END,
                    ' and '
                )
        END,
        coalesce(len(set_lists.sets), 0),
        CASE WHEN len(set_lists.sets) = 1 THEN ' permission set' ELSE ' permission sets' END,
        CASE
            WHEN users.permissions_known THEN '.'
            ELSE '; what permissions it holds is not known.'
        END
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'deleted': users.deleted,
        'last_login': users.last_login,
        'login_known': users.login_known,
        -- NULL means unknown
        'permissions': CASE
            WHEN users.permissions_known THEN coalesce(held_permissions.permissions, [])
        END,
        'permission_sets': coalesce(set_lists.sets, []),
        'permissions_since': held_permissions.since,
        'permissions_observed_at': users.permissions_observed_at
    }) AS evidence
FROM (
    SELECT
        *,
        coalesce(
            permissions_source = 'observed' AND permissions_observed_at >= changed_at, FALSE
        ) AS permissions_known
    FROM users
) AS users
LEFT JOIN held_permissions USING (company, user_id)
LEFT JOIN set_lists USING (company, user_id)
WHERE NOT users.live
    AND (held_permissions.permissions IS NOT NULL OR set_lists.sets IS NOT NULL)
