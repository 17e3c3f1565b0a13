-- One row per company with more active admins of its account settings than it needs. If no user's
-- access names the app account_settings, admins of any app are counted.
--
-- kind: rule
-- title: Too many admins
-- severity: medium
-- meaning: Every admin can read, change and delete everything, and can appoint other admins. The
--   company has more than four admins who are also more than 5 % of the active users (default
--   thresholds).
-- remedy: Go through the list of admins, and give a regular permission set to those who do not
--   administer.
-- reference: CIS Controls v8 5.4 (restrict administrator privileges), NIST SP 800-53 AC-6(5)
-- needs: users
-- identity: subject
-- grows: admin_ids
WITH headcounts AS (
    SELECT
        company,
        count(*) AS active_users,
        count(*) FILTER (account_admin) AS admins,
        list(
            {
                'user': label,
                'admin_apps': admin_apps,
                'last_login': last_login,
                'login_known': login_known
            }
            ORDER BY user_id
        ) FILTER (account_admin) AS admin_list,
        list(user_id ORDER BY user_id) FILTER (account_admin) AS admin_ids
    FROM users
    WHERE live
    GROUP BY company
)

SELECT
    company,
    'company' AS subject_kind,
    coalesce(CAST(current_snapshot.company_id AS VARCHAR), company) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        headcounts.admins,
        ' of the ',
        headcounts.active_users,
        ' active users of ',
        company,
        ' administer the account.'
    ) AS title,
    to_json({
        'admins': headcounts.admins,
        -- a sample, because there may be very many
        'first_admins': list_slice(headcounts.admin_list, 1, 100),
        -- all admins: a waiver covers these only
        'admin_ids': headcounts.admin_ids,
        'active_users': headcounts.active_users,
        'threshold_admins': rule_thresholds.too_many_admins_count,
        'threshold_share': rule_thresholds.too_many_admins_share
    }) AS evidence
FROM headcounts
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE headcounts.admins > greatest(
    rule_thresholds.too_many_admins_count,
    rule_thresholds.too_many_admins_share * headcounts.active_users
)
