-- One row per active user who is not an admin, sees the new deals of most users by default, and may
-- export lists. The permission must be observed for the user; what the user sees counts if the
-- known part alone reaches the threshold. Deals of older settings, followers of a deal, and deals
-- whose visibility somebody set are not in it.
--
-- kind: rule
-- title: User can export nearly everything
-- severity: high
-- meaning: The user sees the deals of at least 80 % of the users by default (default threshold) and
--   may export what lists show. One export takes most of the sales data out of the company.
-- remedy: Remove can_export_data_from_lists from the user's permission sets, or let the user see
--   fewer roles. If the user needs both, waive the finding with the reason.
-- reference: NIST SP 800-53 AC-6 (least privilege), ISO/IEC 27001:2022 A.8.12 (data leakage
--   prevention)
-- needs: users, roles, all roles/{id}, all users/{id}/roleAssignments, users/{id}/permissions
-- identity: subject
WITH granting_sets AS (
    SELECT
        company,
        held_sets.user_id,
        list(DISTINCT held_sets.label ORDER BY held_sets.label) AS sets
    FROM held_sets
    WHERE list_contains(held_sets.grants, 'can_export_data_from_lists')
    GROUP BY company, held_sets.user_id
),

role_lists AS (
    SELECT
        company,
        held_roles.user_id,
        list(held_roles.label ORDER BY held_roles.role_id) AS roles
    FROM held_roles
    GROUP BY company, held_roles.user_id
)

SELECT
    reaches.company,
    'user' AS subject_kind,
    CAST(reaches.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'high' AS severity,
    concat(
        users.label, ' may export lists and sees the new deals of ', reaches.owners_seen, ' of ',
        reaches.owners, ' active users by default.'
    ) AS title,
    to_json({
        'user': users.label,
        'roles': coalesce(role_lists.roles, []),
        'reach': reaches.reach,
        'owners_seen': reaches.owners_seen,
        'owners_unknown': reaches.owners_unknown,
        'owners': reaches.owners,
        'permission': flags.permission,
        'since': flags.since,
        'granted_by': coalesce(granting_sets.sets, []),
        'threshold_share': thresholds.broad_export_share,
        'observed_at': flags.observed_at,
        'last_login': users.last_login,
        'login_known': users.login_known
    }) AS evidence
FROM default_reach AS reaches
INNER JOIN users USING (company, user_id)
INNER JOIN user_permissions AS flags USING (company, user_id)
INNER JOIN rule_thresholds AS thresholds USING (company)
LEFT JOIN granting_sets USING (company, user_id)
LEFT JOIN role_lists USING (company, user_id)
WHERE reaches.item = 'deal'
    AND NOT users.admin
    AND reaches.owners_seen >= thresholds.broad_export_share * reaches.owners
    AND flags.permission = 'can_export_data_from_lists'
    AND flags.granted
    AND flags.source = 'observed'
