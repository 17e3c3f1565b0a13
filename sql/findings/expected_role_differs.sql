-- One row per active user who is not in the role that the company's roster expects. Role names are
-- compared without regard to case and white space. Leavers are left out. So are users with an
-- assignment that is not fully known, because it may be the expected one. The same holds for a role
-- without a name, unless it is proven not to exist (see `proven_absences`).
--
-- kind: rule
-- title: Unexpected role
-- severity: medium
-- meaning: The role decides what the user sees. HR or the identity provider expects the person in
--   another role: the person changed jobs and kept the old role, or was never put into the right
--   one.
-- remedy: Ask the manager which role is right. Assign the user to the expected role, or correct the
--   roster.
-- reference: CIS Controls v8 6.8 (role-based access control), NIST SP 800-53 AC-2
-- needs: users, roles, all roles/{id}, users/{id}/roleAssignments, roster/{id}/expectedRole
-- identity: subject, object
WITH expectations AS (
    SELECT
        company,
        users.user_id,
        roster.line,
        roster.status,
        roster.manager,
        roster.expected_role
    FROM users
    INNER JOIN user_addresses AS addresses USING (company, user_id)
    INNER JOIN roster USING (company)
    WHERE users.live
        AND users.roles_observed_at IS NOT NULL
        AND roster.email = addresses.address
        AND NOT roster.leaver
        AND roster.expected_role IS NOT NULL
        AND roster.problem IS NULL
),

-- Normalised as the roster's names are: one space between words, none around them.
named_roles AS (
    SELECT
        company,
        role_id,
        name,
        lower(trim(regexp_replace(nfc_normalize(name), '[\s\pZ]+', ' ', 'g'))) AS spelling
    FROM roles
),

assigned_roles AS (
    SELECT
        company,
        user_id,
        bool_or(named_roles.spelling = lower(expectations.expected_role)) AS expected,
        -- a role without a name, or an assignment that may be active, may be the expected one
        bool_or(
            user_roles.source <> 'observed'
            OR (named_roles.name IS NULL AND proven_absences.subject_id IS NULL)
        ) AS unknown,
        list(
            {'role_id': role_id, 'role': named_roles.name, 'since': user_roles.since}
            ORDER BY role_id
        ) FILTER (user_roles.active) AS assigned
    FROM user_roles
    INNER JOIN expectations USING (company, user_id)
    LEFT JOIN named_roles USING (company, role_id)
    LEFT JOIN proven_absences
        ON proven_absences.company = user_roles.company
        AND proven_absences.subject_kind = 'role'
        AND proven_absences.subject_id = CAST(user_roles.role_id AS VARCHAR)
    WHERE user_roles.active IS NOT FALSE
    GROUP BY company, user_id
),

role_names AS (
    SELECT
        company,
        spelling,
        list(role_id ORDER BY role_id) AS role_ids
    FROM named_roles
    WHERE spelling IS NOT NULL
    GROUP BY company, spelling
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    expectations.expected_role AS object,
    'medium' AS severity,
    concat(
        users.label,
        ' should be in the role ',
        expectations.expected_role,
        CASE WHEN role_names.spelling IS NULL THEN ', which is none of the roles known,' END,
        CASE
            WHEN assigned_roles.assigned IS NULL THEN ' but is in none.'
            ELSE concat(
                ' but is in ',
                array_to_string(
                    list_transform(
                        assigned_roles.assigned,
                        lambda entry: coalesce(entry.role, CAST(entry.role_id AS VARCHAR))
                    ),
                    ', '
                ),
                '.'
            )
        END
    ) AS title,
    to_json({
        'user': users.label,
        'roster_line': expectations.line,
        'roster_status': expectations.status,
        'manager': expectations.manager,
        'expected_role': expectations.expected_role,
        'expected_role_ids': coalesce(role_names.role_ids, []),
        'expected_role_known': role_names.spelling IS NOT NULL,
        'roles': coalesce(assigned_roles.assigned, []),
        'assignments_observed_at': users.roles_observed_at,
        'admin': users.admin,
        'last_login': users.last_login,
        'login_known': users.login_known
    }) AS evidence
FROM expectations
INNER JOIN users USING (company, user_id)
LEFT JOIN assigned_roles USING (company, user_id)
LEFT JOIN role_names
    ON role_names.company = expectations.company
    AND role_names.spelling = lower(expectations.expected_role)
WHERE assigned_roles.expected IS NOT TRUE
    AND assigned_roles.unknown IS NOT TRUE
