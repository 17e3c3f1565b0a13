-- One row per assignment of a user to a role that is inactive or does not exist. A role counts as
-- missing only with proof: see `proven_absences`.
--
-- kind: rule
-- title: Assignment to a missing role
-- severity: high
-- meaning: The user is assigned to a role that is deleted or inactive, so what the user may see
--   depends on a role that nobody can look at or edit.
-- remedy: Assign the user to a role that exists.
-- reference: CIS Controls v8 6.8 (role-based access control), NIST SP 800-53 AC-2
-- needs: users, roles, users/{id}/roleAssignments
-- identity: subject, object
WITH role_changes AS (
    -- since when each role has been in its present state, or gone
    SELECT
        company,
        role_id,
        max(coalesce(valid_to, valid_from)) AS changed_at
    FROM roles_history
    GROUP BY company, role_id
)

SELECT
    user_roles.company,
    'user' AS subject_kind,
    CAST(user_roles.user_id AS VARCHAR) AS subject_id,
    CAST(user_roles.role_id AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        coalesce(users.label, concat('User ', user_roles.user_id)),
        ' is assigned to the role ',
        coalesce(roles.name, CAST(user_roles.role_id AS VARCHAR)),
        CASE
            WHEN roles.role_id IS NULL THEN ', which does not exist.'
            ELSE ', which is inactive.'
        END
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'role_id': user_roles.role_id,
        'role': roles.name,
        'role_exists': roles.role_id IS NOT NULL,
        'role_active': roles.active,
        'assigned_since': user_roles.since,
        'assignments_observed_at': users.roles_observed_at
    }) AS evidence
FROM user_roles
LEFT JOIN users
    ON users.company = user_roles.company
    AND users.user_id = user_roles.user_id
LEFT JOIN roles
    ON roles.company = user_roles.company
    AND roles.role_id = user_roles.role_id
LEFT JOIN proven_absences
    ON proven_absences.company = user_roles.company
    AND proven_absences.subject_kind = 'role'
    AND proven_absences.subject_id = CAST(user_roles.role_id AS VARCHAR)
LEFT JOIN role_changes
    ON role_changes.company = user_roles.company
    AND role_changes.role_id = user_roles.role_id
WHERE user_roles.active
    AND user_roles.source = 'observed'
    AND (
        NOT roles.active
        OR proven_absences.subject_id IS NOT NULL
    )
    -- an assignment that was read before the role or the user's record changed may be outdated
    AND coalesce(users.roles_observed_at >= role_changes.changed_at, TRUE)
    AND coalesce(users.roles_observed_at >= users.changed_at, TRUE)
