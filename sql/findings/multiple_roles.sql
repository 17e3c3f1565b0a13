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
SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(any_value(users.label), ' is assigned to ', count(*), ' roles at once.') AS title,
    to_json({
        'user': any_value(users.label),
        'active': any_value(users.active),
        'roles': list(
            {
                'role_id': user_roles.role_id,
                'name': roles.name,
                'since': user_roles.since
            }
            ORDER BY user_roles.role_id
        )
    }) AS evidence
FROM user_roles
INNER JOIN users USING (company, user_id)
LEFT JOIN roles
    ON roles.company = user_roles.company
    AND roles.role_id = user_roles.role_id
WHERE user_roles.active
GROUP BY company, user_id
HAVING count(*) > 1
