-- One row per sensitive permission that a user holds and that is unusual in the user's role: fewer
-- than `sensitive_holders_share` of the members hold it. The active members of the role are
-- compared, including admins. Users without observed permissions are ignored, except that users who
-- are inferred to hold the permission count as holders, so that inference can only clear a user. A
-- role with fewer than `sensitive_role_members_count` known members gives no result. For a user in
-- several roles, the permission must be unusual in each role with a result. Permissions that
-- findings.toml allows for one of the user's roles are left out, and so are admins.
--
-- kind: rule
-- title: Unusual sensitive permission
-- severity: medium
-- meaning: The user can export, import, destroy or reveal data, and most colleagues in the same
--   role cannot: the job does not seem to need it.
-- remedy: Ask why it is needed. Remove it, or allow it for the role under [allowed.permissions] in
--   findings.toml.
-- reference: NIST SP 800-53 AC-6 (least privilege), CIS Controls v8 6.8
-- needs: users, users/{id}/roleAssignments, users/{id}/permissions
-- identity: subject, object
WITH memberships AS (
    SELECT
        company,
        user_id,
        held_roles.role_id,
        NOT users.admin AS examined,
        coalesce(users.permissions_source = 'observed', FALSE) AS observed
    FROM held_roles
    INNER JOIN users USING (company, user_id)
    WHERE held_roles.source = 'observed'
        AND users.live
),

headcounts AS (
    SELECT
        company,
        role_id,
        count(*) AS members,
        count(*) FILTER (observed) AS observed_members
    FROM memberships
    GROUP BY company, role_id
),

sensitive_flags AS (
    SELECT
        company,
        flags.user_id,
        permission,
        flags.granted,
        flags.since
    FROM user_permissions AS flags
    SEMI JOIN sensitive_permissions USING (company, permission)
    WHERE flags.granted IS NOT FALSE
),

role_holders AS (
    SELECT
        company,
        memberships.role_id,
        flags.permission,
        count(*) FILTER (flags.granted AND memberships.observed) AS observed_holders,
        count(*) FILTER (flags.granted AND NOT memberships.observed) AS inferred_holders,
        count(*) FILTER (flags.granted IS NULL AND memberships.observed) AS unclear
    FROM sensitive_flags AS flags
    INNER JOIN memberships USING (company, user_id)
    GROUP BY company, memberships.role_id, flags.permission
),

role_shares AS (
    SELECT
        company,
        role_id,
        role_holders.permission,
        headcounts.members,
        role_holders.observed_holders + role_holders.inferred_holders AS holders,
        headcounts.observed_members - role_holders.unclear + role_holders.inferred_holders AS known
    FROM role_holders
    INNER JOIN headcounts USING (company, role_id)
),

-- One row per role of the holder.
standings AS MATERIALIZED (
    SELECT
        company,
        flags.user_id,
        permission,
        role_id,
        flags.since,
        shares.members,
        shares.holders,
        shares.known,
        shares.known >= rule_thresholds.sensitive_role_members_count AS is_comparable,
        shares.holders < rule_thresholds.sensitive_holders_share * shares.known AS unusual,
        allowed.permission IS NOT NULL AS is_allowed
    FROM sensitive_flags AS flags
    INNER JOIN memberships USING (company, user_id)
    INNER JOIN role_shares AS shares USING (company, role_id, permission)
    INNER JOIN rule_thresholds USING (company)
    LEFT JOIN allowed_permissions AS allowed USING (company, role_id, permission)
    WHERE flags.granted
        AND memberships.examined
        AND memberships.observed
),

unusual_holdings AS (
    SELECT
        company,
        user_id,
        permission
    FROM standings
    GROUP BY company, user_id, permission
    HAVING bool_or(is_comparable)
        AND bool_and(unusual OR NOT is_comparable)
        AND NOT bool_or(is_allowed)
),

described_holdings AS (
    SELECT
        company,
        standings.user_id,
        standings.permission,
        any_value(standings.since) AS since,
        list(
            {
                'role_id': role_id,
                'role': roles.name,
                'members': standings.members,
                'known': standings.known,
                'holders': standings.holders
            }
            ORDER BY role_id
        ) AS roles,
        list(
            concat(
                standings.holders,
                ' of ',
                standings.known,
                ' hold it in ',
                coalesce(roles.name, concat('role ', role_id))
            )
            ORDER BY role_id
        ) FILTER (standings.is_comparable) AS shares
    FROM standings
    SEMI JOIN unusual_holdings USING (company, user_id, permission)
    LEFT JOIN roles USING (company, role_id)
    GROUP BY company, standings.user_id, standings.permission
),

granting_sets AS (
    SELECT
        company,
        holdings.user_id,
        holdings.permission,
        list(DISTINCT held_sets.label ORDER BY held_sets.label) AS sets
    FROM unusual_holdings AS holdings
    INNER JOIN held_sets USING (company, user_id)
    WHERE list_contains(held_sets.grants, holdings.permission)
    GROUP BY company, holdings.user_id, holdings.permission
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    permission AS object,
    'medium' AS severity,
    concat(
        users.label,
        ' holds ',
        permission,
        ', which is unusual in the same role: ',
        array_to_string(holdings.shares, ', '),
        '.'
    ) AS title,
    to_json({
        'user': users.label,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'permission': permission,
        'since': holdings.since,
        'observed_at': users.permissions_observed_at,
        -- only sets with known contents
        'granted_by': coalesce(granting_sets.sets, []),
        'roles': holdings.roles,
        'threshold_members': rule_thresholds.sensitive_role_members_count,
        'threshold_share': rule_thresholds.sensitive_holders_share
    }) AS evidence
FROM described_holdings AS holdings
INNER JOIN users USING (company, user_id)
INNER JOIN rule_thresholds USING (company)
LEFT JOIN granting_sets USING (company, user_id, permission)
