-- One row per active user who is not an admin and sees the new deals of nearly all users by
-- default, while few other users do. A user counts if the known part alone reaches the threshold;
-- the others count as such users too if what is not known about them could reach it. Admins are not
-- counted. Small companies without several roles are left out. Deals of older settings, followers
-- of a deal, and deals whose visibility somebody set are not in it.
--
-- kind: rule
-- title: User sees nearly everything
-- severity: medium
-- meaning: The user sees the deals of at least 95 % of the users by default (default threshold),
--   which hardly anybody else in the company does. One stolen password, or one resignation, exposes
--   the whole sales pipeline.
-- remedy: Move the user to a role lower in the tree, or set a narrower default visibility for the
--   roles that share with the user. If the user needs the view, waive the finding with the reason.
-- reference: NIST SP 800-53 AC-6 (least privilege), ISO/IEC 27001:2022 A.5.15
-- needs: users, roles, all roles/{id}, all users/{id}/roleAssignments, all users/{id}/access
-- identity: subject
WITH views AS (
    SELECT
        reaches.company,
        reaches.user_id,
        users.label,
        users.admin,
        users.last_login,
        users.login_known,
        reaches.reach,
        reaches.owners_seen,
        reaches.owners_unknown,
        reaches.owners,
        reaches.from_everyone,
        reaches.from_group,
        reaches.from_branch,
        reaches.from_below,
        reaches.owners_seen >= thresholds.broad_visibility_share * reaches.owners AS is_broad,
        reaches.owners_seen + reaches.owners_unknown
        >= thresholds.broad_visibility_share * reaches.owners AS may_be_broad
    FROM default_reach AS reaches
    INNER JOIN users USING (company, user_id)
    INNER JOIN rule_thresholds AS thresholds USING (company)
    WHERE reaches.item = 'deal'
),

headcounts AS (
    SELECT
        company,
        count(*) AS active_users,
        count(*) FILTER (may_be_broad AND admin IS NOT TRUE) AS broad_users
    FROM views
    GROUP BY company
),

used_roles AS (
    SELECT
        company,
        count(*) AS roles
    FROM roles
    WHERE members > 0
    GROUP BY company
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
    views.company,
    'user' AS subject_kind,
    CAST(views.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    'medium' AS severity,
    concat(
        views.label, ' sees the new deals of ', views.owners_seen, ' of ', views.owners,
        ' active users by default.'
    ) AS title,
    to_json({
        'user': views.label,
        'roles': coalesce(role_lists.roles, []),
        'reach': views.reach,
        'owners_seen': views.owners_seen,
        'owners_unknown': views.owners_unknown,
        'owners': views.owners,
        'from_everyone': views.from_everyone,
        'from_group': views.from_group,
        'from_branch': views.from_branch,
        'from_below': views.from_below,
        'users_with_such_a_view': headcounts.broad_users,
        'threshold_share': thresholds.broad_visibility_share,
        'threshold_users_share': thresholds.broad_visibility_users_share,
        'last_login': views.last_login,
        'login_known': views.login_known
    }) AS evidence
FROM views
INNER JOIN headcounts USING (company)
INNER JOIN used_roles USING (company)
INNER JOIN rule_thresholds AS thresholds USING (company)
LEFT JOIN role_lists USING (company, user_id)
WHERE views.is_broad
    AND NOT views.admin
    AND headcounts.broad_users
    < thresholds.broad_visibility_users_share * headcounts.active_users
    AND used_roles.roles >= thresholds.broad_visibility_roles_count
