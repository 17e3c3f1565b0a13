-- One row per user of a company who is reviewed, with everything that the reviewer is shown.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   user_id: the user
--   name: the user's name
--   email: the user's e-mail address
--   live: active and not deleted; NULL means not known
--   deleted: whether the user was deleted; NULL means not known
--   admin: whether the user is an admin of any app; NULL means not known
--   admin_apps: the apps of which the user is an admin
--   role_id: the role that the user's own record names
--   roles: the active assignments, by id; NULL if they were never read
--   permission_sets: the sets by app; NULL if Pipedrive does not return them
--   sensitive_permissions: the sensitive permissions that are held or not known; NULL if no
--     permission of the user is known
--   last_login: when the user last signed in
--   login_known: whether that is known
--   findings: the open and waived findings about the user, the worst first
--   last: the latest decision about the user in an earlier review; NULL if there is none
WITH role_lists AS (
    SELECT
        user_id,
        list({'role_id': role_id, 'name': name, 'source': source} ORDER BY role_id) AS roles
    FROM held_roles
    WHERE company = of_company
    GROUP BY user_id
),

set_lists AS (
    SELECT
        user_id,
        list(
            {'app': app, 'permission_set_id': permission_set_id, 'name': name}
            ORDER BY app NULLS LAST, name NULLS LAST, permission_set_id
        ) AS permission_sets
    FROM held_sets
    WHERE company = of_company
    GROUP BY user_id
),

sensitive_lists AS (
    SELECT
        user_id,
        list(
            {'permission': permission, 'source': if(granted IS NULL, NULL, source)}
            ORDER BY permission
        ) AS sensitive_permissions
    FROM user_permissions
    SEMI JOIN sensitive_permissions USING (company, permission)
    WHERE company = of_company
        AND granted IS NOT FALSE
    GROUP BY user_id
),

finding_lists AS (
    SELECT
        TRY_CAST(findings.subject_id AS BIGINT) AS user_id,
        list(
            {
                'finding_id': findings.finding_id,
                'severity': findings.severity,
                'rule': findings.rule,
                'title': coalesce(rules.title, findings.rule),
                -- the object of a toxic combination is the name of its rule
                'object': nullif(findings.object, findings.rule),
                'status': findings.status
            }
            ORDER BY
                findings.status,
                list_position(
                    ['critical', 'high', 'medium', 'low', 'info'], findings.severity
                ),
                findings.rule,
                findings.object
        ) AS findings
    FROM history.findings AS findings
    LEFT JOIN rules ON rules.rule = findings.rule
    WHERE findings.company = of_company
        AND findings.subject_kind = 'user'
        AND findings.status <> 'resolved'
    GROUP BY TRY_CAST(findings.subject_id AS BIGINT)
),

last_decisions AS (
    SELECT
        items.user_id,
        {
            'decision': decisions.decision,
            'by': decisions.decided_by,
            'at': decisions.decided_at,
            'review': reviews.name
        } AS last
    FROM history.review_decisions AS decisions
    INNER JOIN history.review_items AS items USING (company, review_id, row_id)
    INNER JOIN history.reviews AS reviews USING (company, review_id)
    WHERE company = of_company
    QUALIFY
        row_number() OVER (PARTITION BY items.user_id ORDER BY decisions.decided_at DESC) = 1
)

SELECT
    user_id,
    users.name,
    users.email,
    users.live,
    users.deleted,
    users.admin,
    coalesce(users.admin_apps, []) AS admin_apps,
    users.role_id,
    CASE
        WHEN users.roles_observed_at IS NOT NULL OR role_lists.roles IS NOT NULL
            THEN coalesce(role_lists.roles, [])
    END AS roles,
    CASE
        WHEN users.access_known THEN coalesce(set_lists.permission_sets, [])
    END AS permission_sets,
    CASE
        WHEN users.permissions_source IS NOT NULL
            THEN coalesce(sensitive_lists.sensitive_permissions, [])
    END AS sensitive_permissions,
    users.last_login,
    users.login_known,
    coalesce(finding_lists.findings, []) AS findings,
    last_decisions.last
FROM users
SEMI JOIN reviewed_users USING (company, user_id)
LEFT JOIN role_lists USING (user_id)
LEFT JOIN set_lists USING (user_id)
LEFT JOIN sensitive_lists USING (user_id)
LEFT JOIN finding_lists USING (user_id)
LEFT JOIN last_decisions USING (user_id)
WHERE users.company = of_company
