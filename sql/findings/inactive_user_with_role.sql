-- One row per role that a deactivated or deleted user is still assigned to. The default role, which
-- Pipedrive gives to every user without another role, does not count.
--
-- kind: rule
-- title: Inactive user with a role
-- severity: medium
-- meaning: A deactivated or deleted account still has an active assignment to a role. Reactivating
--   the account restores what the role lets it see.
-- remedy: Remove the user from the role, in Pipedrive's settings or with the API (DELETE
--   /roles/{id}/assignments).
-- reference: CIS Controls v8 6.2 (access revoking process), ISO/IEC 27001:2022 A.5.18
-- needs: users, users/{id}/roleAssignments
-- identity: subject, object
SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    CAST(held_roles.role_id AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        users.label,
        ' is ',
        CASE WHEN users.deleted THEN 'deleted' ELSE 'deactivated' END,
        ' but still assigned to the role ',
        held_roles.label,
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'active': users.active,
        'deleted': users.deleted,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'role_id': held_roles.role_id,
        'role': held_roles.name,
        'assigned_since': held_roles.since,
        'assignments_observed_at': users.roles_observed_at
    }) AS evidence
FROM held_roles
INNER JOIN users USING (company, user_id)
WHERE NOT users.live
    AND held_roles.source = 'observed'
    AND NOT held_roles.is_default
    -- assignments that were read before the user was deactivated may be gone since
    AND users.roles_observed_at >= users.changed_at
