-- One row per user whose `is_admin` contradicts the entries of `access`. If Pipedrive gives only
-- one of the two, `users.admin` is taken from it, and there is nothing to compare.
--
-- kind: rule
-- title: Contradicting admin flags
-- severity: high
-- meaning: Pipedrive returns the older field `is_admin` and the newer `access`, and they disagree
--   on whether this user is an admin. Software that reads one field treats the user differently
--   from software that reads the other.
-- remedy: Open the user in Pipedrive, and grant the admin rights again or remove them.
-- reference: NIST SP 800-53 AC-6(5) (privileged accounts)
-- needs: users
-- identity: subject
SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        users.label,
        CASE
            WHEN versions.is_admin
                THEN ' is an admin by the field is_admin, but of no app by access.'
            ELSE concat(
                ' is no admin by the field is_admin, but by access one',
                CASE
                    WHEN len(users.admin_apps) > 0
                        THEN ' of ' || array_to_string(users.admin_apps, ', ')
                END,
                '.'
            )
        END
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'is_admin': versions.is_admin,
        'admin_apps': users.admin_apps
    }) AS evidence
FROM users
INNER JOIN users_history AS versions USING (company, user_id)
WHERE versions.valid_to IS NULL
    AND users.access_known
    AND versions.is_admin <> users.admin
