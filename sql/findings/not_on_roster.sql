-- One row per active user whose e-mail address is not on the company's roster. Roster rows that
-- cannot be used count here, because the person is on the roster. The account that collects the
-- data is left out, because it may belong to no person.
--
-- kind: rule
-- title: Not on the roster
-- severity: medium
-- meaning: The account can sign in, but neither HR nor the identity provider knows a person with
--   this address, so nobody will say when to close the account.
-- remedy: Find out who uses the account. Deactivate it, or put the person on the roster. Waive
--   accounts that belong to machines.
-- reference: CIS Controls v8 5.1 (inventory of accounts), ISO/IEC 27001:2022 A.5.16
-- needs: users, roster/{id}
-- identity: subject
-- grows: admin_apps
WITH rosters AS (
    SELECT
        company,
        count(*) AS people
    FROM roster
    GROUP BY company
),

strangers AS (
    SELECT
        company,
        users.user_id
    FROM users
    INNER JOIN user_addresses AS addresses USING (company, user_id)
    INNER JOIN rosters USING (company)
    INNER JOIN current_snapshot USING (company)
    ANTI JOIN roster
        ON roster.company = users.company
        AND roster.email = addresses.address
    WHERE users.live
        AND users.user_id IS DISTINCT FROM current_snapshot.token_owner
),

role_lists AS (
    SELECT
        company,
        user_id,
        list({'role_id': role_id, 'role': name, 'since': since} ORDER BY role_id) AS roles
    FROM held_roles
    SEMI JOIN strangers USING (company, user_id)
    WHERE source = 'observed'
    GROUP BY company, user_id
),

set_lists AS (
    SELECT
        company,
        user_id,
        list(DISTINCT label ORDER BY label) AS sets
    FROM held_sets
    SEMI JOIN strangers USING (company, user_id)
    GROUP BY company, user_id
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(users.label, ' can sign in but is not on the roster.') AS title,
    to_json({
        'user': users.label,
        'roster_rows': rosters.people,
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
FROM strangers
INNER JOIN rosters USING (company)
INNER JOIN users USING (company, user_id)
INNER JOIN current_snapshot USING (company)
LEFT JOIN role_lists USING (company, user_id)
LEFT JOIN set_lists USING (company, user_id)
