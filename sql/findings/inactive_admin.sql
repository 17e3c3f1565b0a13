-- One row per deactivated or deleted user who is still an admin of at least one app.
--
-- kind: rule
-- title: Inactive admin
-- severity: high
-- meaning: A deactivated or deleted account still has admin rights. Reactivating the account
--   creates an admin without a new grant.
-- remedy: Remove the admin rights from the account.
-- reference: CIS Controls v8 6.2 (access revoking process), NIST SP 800-53 AC-2(3)
-- needs: users
-- identity: subject
-- grows: admin_apps
SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        label,
        ' is ',
        CASE WHEN deleted THEN 'deleted' ELSE 'deactivated' END,
        ' but still an admin',
        CASE WHEN len(admin_apps) > 0 THEN ' of ' || array_to_string(admin_apps, ', ') END,
        '.'
    ) AS title,
    to_json({
        'user': label,
        'active': active,
        'deleted': deleted,
        'admin_apps': admin_apps,
        'last_login': last_login,
        'login_known': login_known
    }) AS evidence
FROM users
WHERE NOT live
    AND admin
