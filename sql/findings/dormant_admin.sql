-- One row per active admin whose last login is long ago, or who never logged in. The account that
-- collects the data is left out, because it may never log in interactively.
--
-- kind: rule
-- title: Dormant admin
-- severity: high
-- meaning: Nobody notices when an unused admin account is taken over. The account is an admin of at
--   least one app, and its last login is over 90 days ago, or it never logged in and is over 30
--   days old (default thresholds).
-- remedy: Ask whether the person still needs admin rights. If not, remove the rights or deactivate
--   the account.
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
