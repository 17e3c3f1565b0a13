-- One row per company with fewer than `single_admin_count` active admins of its account settings.
-- If no user's access names the app account_settings, admins of any app are counted. A user whose
-- admin status is unknown counts as an admin.
--
-- kind: rule
-- title: Too few admins
-- severity: high
-- meaning: At most one person can administer the account. When that person leaves or is locked out,
--   nobody can add or remove users. Companies with two or fewer active users are left out (default
--   threshold).
-- remedy: Make a second, trusted person an admin of the account settings.
-- reference: ISO/IEC 27001:2022 A.8.2 (privileged access rights)
-- needs: users
-- identity: subject
WITH headcounts AS (
    SELECT
        company,
        count(*) AS active_users,
        count(*) FILTER (account_admin) AS admins,
        -- a user who may be an admin counts as one here
        count(*) FILTER (account_admin IS NOT FALSE) AS possible_admins,
        list(label ORDER BY user_id) FILTER (account_admin) AS admin_labels,
        list(
            {'user': label, 'last_login': last_login, 'login_known': login_known} ORDER BY user_id
        ) FILTER (account_admin) AS admin_list
    FROM users
    WHERE live
    GROUP BY company
)

SELECT
    company,
    'company' AS subject_kind,
    coalesce(CAST(current_snapshot.company_id AS VARCHAR), company) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        CASE
            WHEN headcounts.admins = 0 THEN 'Nobody'
            ELSE concat('Only ', array_to_string(headcounts.admin_labels, ' and '))
        END,
        CASE
            -- a user with an unknown status may be an admin
            WHEN headcounts.possible_admins > headcounts.admins AND headcounts.admins > 1
                THEN ' are known to administer'
            WHEN headcounts.possible_admins > headcounts.admins THEN ' is known to administer'
            WHEN headcounts.admins > 1 THEN ' administer'
            ELSE ' administers'
        END,
        ' the account of ',
        company,
        ', which has ',
        headcounts.active_users,
        ' active users.'
    ) AS title,
    to_json({
        'admins': coalesce(headcounts.admin_list, []),
        'active_users': headcounts.active_users,
        'threshold_admins': rule_thresholds.single_admin_count,
        'threshold_users': rule_thresholds.single_admin_users_count
    }) AS evidence
FROM headcounts
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE headcounts.possible_admins < rule_thresholds.single_admin_count
    AND headcounts.active_users > rule_thresholds.single_admin_users_count
