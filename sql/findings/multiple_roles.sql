-- One row per user with more than one active role assignment.
--
-- kind: rule
-- title: More than one role
-- severity: medium
-- meaning: Pipedrive puts a user into one role at a time; who is in several sees what all of them
--   see, which nobody decided.
-- remedy: Assign the user to the one role that fits the job.
-- reference: CIS Controls v8 6.8 (role-based access control)
-- needs: users, users/{id}/roleAssignments
-- identity: subject
-- grows: roles
WITH assigned_users AS (
    SELECT
        company,
        user_id,
        count(*) AS assignments
    FROM user_roles
    WHERE active
        AND user_roles.source = 'observed'
    GROUP BY company, user_id
    HAVING count(*) > 1
),

assigned_roles AS (
    SELECT
        company,
        user_roles.user_id,
        list(
            {'role_id': role_id, 'role': roles.name, 'since': user_roles.since} ORDER BY role_id
        ) AS assigned
    FROM user_roles
    SEMI JOIN assigned_users USING (company, user_id)
    LEFT JOIN roles USING (company, role_id)
    WHERE user_roles.active
    GROUP BY company, user_roles.user_id
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(users.label, ' is assigned to ', assigned_users.assignments, ' roles at once.') AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'roles': assigned_roles.assigned,
        'assignments_observed_at': users.roles_observed_at
    }) AS evidence
FROM assigned_users
INNER JOIN assigned_roles USING (company, user_id)
INNER JOIN users USING (company, user_id)
