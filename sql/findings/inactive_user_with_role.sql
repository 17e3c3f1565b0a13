-- One row per role that a deactivated or deleted user is still assigned to.
-- The default role, where everybody lands who has no other, does not count.
--
-- kind: rule
-- title: Inactive user with a role
-- severity: medium
-- meaning: A deactivated or deleted account still has an active assignment to a role: whoever
--   reactivates it gets the old place back.
-- remedy: Take the user out of the role, in Pipedrive's settings or by its API
--   (DELETE /roles/{id}/assignments).
-- reference: CIS Controls v8 6.2 (access revoking process), ISO/IEC 27001:2022 A.5.18
-- needs: users, users/{id}/roleAssignments
-- identity: subject, object
SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(user_roles.role_id AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        users.label,
        ' is ',
        CASE WHEN users.deleted THEN 'deleted' ELSE 'deactivated' END,
        ' but still assigned to the role ',
        coalesce(roles.name, CAST(user_roles.role_id AS VARCHAR)),
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'deleted': users.deleted,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'role_id': user_roles.role_id,
        'role': roles.name,
        'assigned_since': user_roles.since,
        'assignments_observed_at': users.roles_observed_at
    }) AS evidence
FROM user_roles
INNER JOIN users USING (company, user_id)
LEFT JOIN roles
    ON roles.company = user_roles.company
    AND roles.role_id = user_roles.role_id
WHERE NOT users.live
    AND user_roles.active
    AND user_roles.source = 'observed'
    AND NOT user_roles.is_default
    -- what was told before the user was deactivated may have gone with that
    AND users.roles_observed_at >= users.changed_at
