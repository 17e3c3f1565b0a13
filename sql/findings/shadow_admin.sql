-- One row per live user who is not an admin but holds every permission that all active admins of
-- the account settings hold (if that app is absent, all admins). Only admins with observed
-- permissions are compared; a permission that a response does not name counts as held by that
-- admin. The rule needs at least `shadow_admin_sensitive_count` sensitive permissions among them,
-- and at least one admin to compare with. Only observed permissions count.
--
-- kind: rule
-- title: Shadow admin
-- severity: high
-- meaning: The user may do what the admins may do without being listed as an admin. A review of the
--   admins does not show this account, and protections for admins do not cover it.
-- remedy: Make the person an admin if they act as one. Otherwise, remove the permission sets that
--   the job does not need.
-- reference: NIST SP 800-53 AC-6(5) (privileged accounts), CIS Controls v8 5.4
-- needs: users, users/{id}/permissions
-- identity: subject
-- grows: permissions
WITH compared_admins AS (
    SELECT
        company,
        user_id,
        label
    FROM users
    WHERE live
        AND account_admin
        AND permissions_source = 'observed'
),

admin_counts AS (
    SELECT
        company,
        count(*) AS admins,
        list(label ORDER BY user_id)[1:20] AS first_admins
    FROM compared_admins
    GROUP BY company
),

admin_permissions AS (
    SELECT
        company,
        flags.permission,
        count(*) AS admins
    FROM user_permissions AS flags
    SEMI JOIN compared_admins USING (company, user_id)
    WHERE flags.granted IS NOT FALSE
    GROUP BY company, flags.permission
    HAVING bool_or(flags.granted)
),

common_permissions AS (
    SELECT
        company,
        permission,
        sensitive.permission IS NOT NULL AS is_sensitive
    FROM admin_permissions
    INNER JOIN admin_counts USING (company, admins)
    LEFT JOIN sensitive_permissions AS sensitive USING (company, permission)
),

admin_profiles AS (
    SELECT
        company,
        count(*) AS permissions,
        count(*) FILTER (is_sensitive) AS sensitive_permissions,
        list(permission ORDER BY permission) AS common,
        list(permission ORDER BY permission) FILTER (is_sensitive) AS sensitive
    FROM common_permissions
    GROUP BY company
),

-- Few users hold all the sensitive permissions; for the others, the rest need not be counted.
sensitive_counts AS (
    SELECT
        company,
        flags.user_id,
        count(*) AS sensitive_permissions
    FROM user_permissions AS flags
    SEMI JOIN (
        SELECT
            company,
            permission
        FROM common_permissions
        WHERE is_sensitive
    ) AS sensitive USING (company, permission)
    WHERE flags.granted
        AND flags.source = 'observed'
    GROUP BY company, flags.user_id
),

candidates AS MATERIALIZED (
    SELECT
        company,
        user_id
    FROM sensitive_counts
    INNER JOIN admin_profiles USING (company, sensitive_permissions)
    INNER JOIN rule_thresholds USING (company)
    INNER JOIN users USING (company, user_id)
    WHERE sensitive_permissions >= rule_thresholds.shadow_admin_sensitive_count
        AND users.live
        AND NOT users.admin
),

candidate_flags AS MATERIALIZED (
    SELECT
        company,
        flags.user_id,
        permission,
        flags.since
    FROM user_permissions AS flags
    SEMI JOIN candidates USING (company, user_id)
    WHERE flags.granted
        AND flags.source = 'observed'
),

shadows AS (
    SELECT
        company,
        flags.user_id,
        count(*) AS permissions,
        count(common.permission) AS common_permissions,
        max(flags.since) FILTER (common.permission IS NOT NULL) AS since
    FROM candidate_flags AS flags
    LEFT JOIN common_permissions AS common USING (company, permission)
    GROUP BY company, flags.user_id
),

set_lists AS (
    SELECT
        company,
        user_id,
        list(
            {'app': app, 'set': label, 'type': type, 'permission_set_id': permission_set_id}
            ORDER BY app, permission_set_id
        ) AS sets,
        flatten(list(coalesce(grants, []))) AS granted
    FROM held_sets
    SEMI JOIN shadows USING (company, user_id)
    GROUP BY company, user_id
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        users.label,
        ' is not an admin, but holds all ',
        admin_profiles.permissions,
        CASE
            WHEN admin_counts.admins = 1 THEN ' permissions of the only admin who is compared.'
            ELSE concat(' permissions that all ', admin_counts.admins, ' compared admins hold.')
        END
    ) AS title,
    to_json({
        'user': users.label,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'permissions': shadows.permissions,
        'common_permissions': admin_profiles.common,
        'sensitive_permissions': admin_profiles.sensitive,
        'since': shadows.since,
        'observed_at': users.permissions_observed_at,
        'admins': admin_counts.admins,
        'first_admins': admin_counts.first_admins,
        'permission_sets': coalesce(set_lists.sets, []),
        'granted_by_no_known_set': list_filter(
            admin_profiles.common,
            lambda permission: NOT list_contains(coalesce(set_lists.granted, []), permission)
        ),
        'threshold_sensitive': rule_thresholds.shadow_admin_sensitive_count
    }) AS evidence
FROM shadows
INNER JOIN admin_profiles USING (company)
INNER JOIN admin_counts USING (company)
INNER JOIN rule_thresholds USING (company)
INNER JOIN users USING (company, user_id)
LEFT JOIN set_lists USING (company, user_id)
WHERE shadows.common_permissions = admin_profiles.permissions
