-- One row per active user who is assigned to no role, or only to the default role. Users whose
-- assignments were never read are left out.
--
-- kind: rule
-- title: User without a role
-- severity: medium
-- meaning: An active user has no active role assignment, or only the one to "(Unassigned users)" in
--   a company where others are in roles: nobody decided what this user may see. The severity is
--   high for an admin.
-- remedy: Assign the user to the role that fits the job.
-- reference: CIS Controls v8 6.8 (role-based access control), ISO/IEC 27001:2022 A.5.15
-- needs: users, users/{id}/roleAssignments
-- identity: subject
WITH assigned_users AS (
    SELECT
        company,
        user_id,
        bool_and(is_default) AS only_default
    FROM user_roles
    -- an assignment with an unknown status may be active
    WHERE active IS NOT FALSE
    GROUP BY company, user_id
),

companies_with_roles AS (
    SELECT
        company,
        count(DISTINCT user_id) AS users_in_roles
    FROM user_roles
    INNER JOIN users USING (company, user_id)
    WHERE users.live
        AND user_roles.active
        AND NOT user_roles.is_default
    GROUP BY company
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    CASE WHEN users.admin THEN 'high' ELSE 'medium' END AS severity,
    concat(
        users.label,
        CASE
            WHEN assigned_users.only_default THEN ' is in the role for unassigned users only.'
            ELSE ' is assigned to no role.'
        END
    ) AS title,
    to_json({
        'user': users.label,
        'admin': users.admin,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'only_default_role': assigned_users.only_default IS TRUE,
        'users_in_other_roles': coalesce(companies_with_roles.users_in_roles, 0),
        'listed_role_id': users.role_id,
        'assignments_observed_at': users.roles_observed_at
    }) AS evidence
FROM users
LEFT JOIN assigned_users USING (company, user_id)
LEFT JOIN companies_with_roles USING (company)
WHERE users.live
    AND users.roles_observed_at IS NOT NULL
    AND (
        assigned_users.user_id IS NULL
        OR (assigned_users.only_default AND companies_with_roles.users_in_roles > 0)
    )
