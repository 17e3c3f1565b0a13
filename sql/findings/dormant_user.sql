-- One row per active user who is not an admin and whose last login is long ago.
--
-- kind: rule
-- title: Dormant user
-- severity: medium
-- meaning: An active account that was used in the past and is not used now: its last login is over
--   90 days ago (default threshold).
-- remedy: Ask whether the person still works with Pipedrive. If not, deactivate the account, which
--   also frees the seat.
-- reference: CIS Controls v8 5.3 (disable dormant accounts), NIST SP 800-53 AC-2(3)
-- needs: users
-- identity: subject
SELECT
    company,
    'user' AS subject_kind,
    CAST(users.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        users.label, ' has not logged in since ', CAST(users.last_login AS DATE), '.'
    ) AS title,
    to_json({
        'user': users.label,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'days_since_login': date_sub('day', users.last_login, current_snapshot.as_of),
        'threshold_days': rule_thresholds.dormant_user_days
    }) AS evidence
FROM users
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE users.live
    AND NOT users.admin
    AND users.last_login < current_snapshot.as_of - to_days(rule_thresholds.dormant_user_days)
