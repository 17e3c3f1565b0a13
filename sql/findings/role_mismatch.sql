-- One row per user whose record names a role that the user is not assigned to.
--
-- kind: rule
-- title: Role mismatch
-- severity: medium
-- meaning: The list of users names one role for this user and the assignments name others, so it is
--   unclear which of them decides what the user sees.
-- remedy: Assign the user to the right role again, and check that both then agree.
-- reference: CIS Controls v8 6.8 (role-based access control)
-- needs: users, users/{id}/roleAssignments
-- identity: subject
WITH assigned_users AS (
    SELECT
        company,
        user_id,
        list(user_roles.role_id ORDER BY user_roles.role_id)
            FILTER (user_roles.active) AS assigned_role_ids,
        -- an assignment with an unknown status may be active
        bool_or(user_roles.role_id = users.role_id AND user_roles.active IS NOT FALSE) AS agrees
    FROM user_roles
    INNER JOIN users USING (company, user_id)
    WHERE users.role_id IS NOT NULL
        AND user_roles.source = 'observed'
    GROUP BY company, user_id
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        users.label,
        ' is listed with the role ',
        coalesce(roles.name, CAST(users.role_id AS VARCHAR)),
        ', but not assigned to it.'
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'listed_role_id': users.role_id,
        'listed_role': roles.name,
        'assigned_role_ids': assigned_users.assigned_role_ids,
        'assignments_observed_at': users.roles_observed_at
    }) AS evidence
FROM assigned_users
INNER JOIN users USING (company, user_id)
LEFT JOIN roles
    ON roles.company = users.company
    AND roles.role_id = users.role_id
WHERE len(assigned_users.assigned_role_ids) > 0
    AND NOT assigned_users.agrees
    -- assignments that were read before the record changed do not contradict it
    AND users.roles_observed_at >= users.changed_at
