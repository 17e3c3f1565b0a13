-- One row per active user that the company's roster marks as a leaver. Roster rows that cannot be
-- used are ignored.
--
-- kind: rule
-- title: Leaver with an active account
-- severity: high
-- meaning: The person has left the company or may no longer work, but the account can still sign in
--   and read customer data. The severity is critical for an admin.
-- remedy: Deactivate the user, and hand the records over to the person that the manager names.
-- reference: CIS Controls v8 6.2 (access revoking process), ISO/IEC 27001:2022 A.6.5 and A.5.18
-- needs: users, roster/{id}
-- identity: subject
-- grows: admin_apps
WITH leavers AS (
    SELECT
        company,
        users.user_id,
        roster.line,
        roster.status,
        roster.manager
    FROM users
    INNER JOIN user_addresses AS addresses USING (company, user_id)
    INNER JOIN roster USING (company)
    WHERE users.live
        AND roster.email = addresses.address
        AND roster.leaver
        AND roster.problem IS NULL
),

role_lists AS (
    SELECT
        company,
        user_id,
        list({'role_id': role_id, 'role': name, 'since': since} ORDER BY role_id) AS roles
    FROM held_roles
    SEMI JOIN leavers USING (company, user_id)
    WHERE source = 'observed'
    GROUP BY company, user_id
),

set_lists AS (
    SELECT
        company,
        user_id,
        list(DISTINCT label ORDER BY label) AS sets
    FROM held_sets
    SEMI JOIN leavers USING (company, user_id)
    GROUP BY company, user_id
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    CASE WHEN users.admin THEN 'critical' ELSE 'high' END AS severity,
    concat(
        users.label,
        ' is "',
        leavers.status,
        '" on the roster, but ',
        CASE WHEN users.admin THEN 'an active admin' ELSE 'can still sign in' END,
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'roster_line': leavers.line,
        'roster_status': leavers.status,
        'manager': leavers.manager,
        'admin': users.admin,
        'admin_apps': users.admin_apps,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'days_since_login': date_sub('day', users.last_login, current_snapshot.as_of),
        'created': users.created,
        'first_seen': users.first_seen,
        'roles': coalesce(role_lists.roles, []),
        'permission_sets': coalesce(set_lists.sets, [])
    }) AS evidence
FROM leavers
INNER JOIN users USING (company, user_id)
INNER JOIN current_snapshot USING (company)
LEFT JOIN role_lists USING (company, user_id)
LEFT JOIN set_lists USING (company, user_id)
