-- One row per permission that a user holds although none of the user's permission sets grants it.
-- Admins hold everything and are left out; so are users with a set whose contents are unknown. A
-- set that is proven not to exist grants nothing, and neither does an entry of `access` without a
-- set.
--
-- kind: rule
-- title: Unexplained permission
-- severity: high
-- meaning: Permissions come from permission sets. None of the user's sets grants this one, and the
--   user is not an admin: it was granted in a way that Pipedrive's settings do not show.
-- remedy: Find out who granted it and why. Save the user's permission sets again, or ask Pipedrive.
-- reference: NIST SP 800-53 AC-6 (least privilege), ISO/IEC 27001:2022 A.5.18
-- needs: users, permissionSets, all permissionSets/{id}, users/{id}/permissions
-- identity: subject, object
WITH unexplained AS MATERIALIZED (
    -- a user in two roles has each permission twice in this table
    SELECT DISTINCT
        company,
        user_id,
        permission
    FROM user_role_permissions
    WHERE granted
        AND len(granted_by) = 0
        AND NOT granted_by_admin
        AND source = 'observed'
),

unexplained_flags AS MATERIALIZED (
    SELECT
        company,
        flags.user_id,
        flags.permission,
        flags.since,
        flags.observed_at
    FROM user_permissions AS flags
    SEMI JOIN unexplained USING (company, user_id, permission)
    WHERE flags.granted
),

set_lists AS (
    SELECT
        company,
        user_id,
        list(
            {'app': app, 'set': label, 'permission_set_id': permission_set_id}
            ORDER BY app, permission_set_id
        ) AS sets
    FROM held_sets
    SEMI JOIN unexplained USING (company, user_id)
    GROUP BY company, user_id
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    permission AS object,
    'high' AS severity,
    concat(
        users.label, ' holds ', permission, ', which none of the user''s permission sets grants.'
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'permission': permission,
        'since': flags.since,
        'observed_at': flags.observed_at,
        'permission_sets': coalesce(set_lists.sets, [])
    }) AS evidence
FROM unexplained_flags AS flags
INNER JOIN users USING (company, user_id)
LEFT JOIN set_lists USING (company, user_id)
