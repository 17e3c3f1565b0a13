-- One row per active admin who has not logged in for long, or never did.
-- Left out is the account that collects, which may never log in otherwise.
--
-- kind: rule
-- title: Dormant admin
-- severity: high
-- meaning: An account with admin rights that nobody uses is the one that nobody misses when it is
--   taken over: admin of any app, last login over 90 days ago, or none in 30 days of existence (as
--   shipped).
-- remedy: Ask whether the person still needs to be an admin; if not, take the admin rights away or
--   deactivate the account.
-- reference: CIS Controls v8 5.3 (disable dormant accounts), NIST SP 800-53 AC-2(3)
-- needs: users
-- identity: subject
-- grows: admin_apps
SELECT
    company,
    'user' AS subject_kind,
    CAST(users.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        users.label,
        ' is an admin',
        CASE
            WHEN len(users.admin_apps) > 0 THEN ' of ' || array_to_string(users.admin_apps, ', ')
        END,
        CASE
            WHEN users.last_login IS NULL THEN ' and never logged in.'
            ELSE concat(' and has not logged in since ', CAST(users.last_login AS DATE), '.')
        END
    ) AS title,
    to_json({
        'user': users.label,
        'admin_apps': users.admin_apps,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'days_since_login': date_sub('day', users.last_login, current_snapshot.as_of),
        'created': users.created,
        'first_seen': users.first_seen,
        'threshold_days': rule_thresholds.dormant_admin_days,
        'threshold_never_days': rule_thresholds.dormant_admin_never_days
    }) AS evidence
FROM users
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE users.live
    AND users.admin
    AND users.login_known
    AND users.user_id IS DISTINCT FROM current_snapshot.token_owner
    AND CASE
        WHEN users.last_login IS NULL
            THEN coalesce(users.created, users.first_seen)
                < current_snapshot.as_of - to_days(rule_thresholds.dormant_admin_never_days)
        ELSE users.last_login < current_snapshot.as_of - to_days(rule_thresholds.dormant_admin_days)
    END
