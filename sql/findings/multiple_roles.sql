-- One row per user with more than one active role assignment.
--
-- kind: rule
-- title: More than one role
-- severity: medium
-- meaning: Pipedrive assigns a user to one role at a time. A user in several roles sees what all of
--   them see, and nobody decided that.
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
    FROM held_roles
    WHERE source = 'observed'
    GROUP BY company, user_id
    HAVING count(*) > 1
),

role_lists AS (
    SELECT
        company,
        user_id,
        list({'role_id': role_id, 'role': name, 'since': since} ORDER BY role_id) AS roles
    FROM held_roles
    SEMI JOIN assigned_users USING (company, user_id)
    GROUP BY company, user_id
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
        'roles': role_lists.roles,
        'assignments_observed_at': users.roles_observed_at
    }) AS evidence
FROM assigned_users
INNER JOIN role_lists USING (company, user_id)
INNER JOIN users USING (company, user_id)
