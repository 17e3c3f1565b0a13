-- One row per active user, other than admins, who never logged in although the account is not new.
--
-- kind: rule
-- title: Never logged in
-- severity: medium
-- meaning: An active account that was never used and is over 14 days old (default threshold),
--   counted from its creation or, if that is unknown, from when it was first seen. An invitation
--   that nobody accepted can still be accepted by somebody else.
-- remedy: Ask whether the invitation is still needed. If not, deactivate the account.
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
        users.label,
        ' never logged in, ',
        CASE WHEN users.created IS NULL THEN 'and is here since ' ELSE 'and was created on ' END,
        CAST(coalesce(users.created, users.first_seen) AS DATE),
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'created': users.created,
        'first_seen': users.first_seen,
        'days': date_sub(
            'day', coalesce(users.created, users.first_seen), current_snapshot.as_of
        ),
        'threshold_days': rule_thresholds.never_logged_in_days
    }) AS evidence
FROM users
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE users.live
    AND NOT users.admin
    AND users.login_known
    AND users.last_login IS NULL
    AND coalesce(users.created, users.first_seen)
        < current_snapshot.as_of - to_days(rule_thresholds.never_logged_in_days)
