-- One row per permission that a user holds and few or none of the user's peers hold. Peers are the
-- users who hold nearly the same permissions apart from this one, preferably in the same role. The
-- score weighs peers without the permission against peers with it, and considers how easily it is
-- copied by mistake. `peer_groups` says why a user could not be compared.
--
-- kind: rule
-- title: Permission that peers lack
-- severity: medium
-- meaning: People who do the same job usually hold the same permissions. This user holds one that
--   few or none of the peers hold, which chance does not explain: it was copied from another user,
--   or kept from an earlier job. The severity is high for a sensitive permission.
-- remedy: Ask the user's manager why it is needed. Remove it, or give it to the whole team.
-- reference: NIST SP 800-53 AC-6(7) (review of user privileges), ISO/IEC 27001:2022 A.5.18
-- needs: users, users/{id}/permissions
-- identity: subject, object
WITH outliers AS (
    SELECT
        company,
        user_id,
        permission,
        comparisons.score,
        comparisons.peers,
        comparisons.holders,
        comparisons.role_peers,
        comparisons.kind,
        comparisons.compared,
        thresholds.outlier_score AS threshold
    FROM peer_comparisons AS comparisons
    INNER JOIN rule_thresholds AS thresholds USING (company)
    WHERE comparisons.score >= thresholds.outlier_score
),

colleagues AS (
    SELECT
        company,
        outliers.user_id AS subject_id,
        permission,
        unnest(outliers.compared) AS user_id,
        generate_subscripts(outliers.compared, 1) AS place
    FROM outliers
),

-- the flags that concern the outliers, read once for the users and for their peers
concerned AS (
    SELECT
        company,
        user_id,
        permission
    FROM outliers

    UNION

    SELECT
        company,
        user_id,
        permission
    FROM colleagues
),

-- only for outliers: role names of all users would take longer than the rest of the query
seats AS (
    SELECT
        company,
        user_id,
        string_agg(coalesce(name, concat('role ', role_id)), ', ' ORDER BY role_id) AS role
    FROM held_roles
    SEMI JOIN concerned USING (company, user_id)
    GROUP BY company, user_id
),

concerned_flags AS MATERIALIZED (
    SELECT
        company,
        user_id,
        permission,
        flags.granted,
        flags.source,
        flags.since,
        flags.observed_at
    FROM user_permissions AS flags
    SEMI JOIN concerned USING (company, user_id, permission)
    -- a flag that is not granted counts like a missing one, and most flags are not granted
    WHERE flags.granted IS NOT FALSE
),

nearest_peers AS (
    SELECT
        company,
        colleagues.subject_id AS user_id,
        permission,
        list(
            {
                'user': users.label,
                'role': seats.role,
                -- a peer whose response does not name it does not hold it
                'holds_it': CASE
                    WHEN flags.permission IS NULL THEN FALSE
                    ELSE flags.granted
                END
            }
            ORDER BY colleagues.place
        ) AS peers
    FROM colleagues
    INNER JOIN users USING (company, user_id)
    LEFT JOIN seats USING (company, user_id)
    LEFT JOIN concerned_flags AS flags USING (company, user_id, permission)
    GROUP BY company, colleagues.subject_id, permission
),

explanations AS (
    -- a user in two roles has each permission twice in this table
    SELECT
        company,
        user_id,
        permission,
        any_value(sources.granted_by) AS granted_by
    FROM user_role_permissions AS sources
    SEMI JOIN outliers USING (company, user_id, permission)
    WHERE sources.granted
    GROUP BY company, user_id, permission
),

granting_sets AS (
    SELECT
        company,
        grants.user_id,
        grants.permission,
        list(
            {
                'app': permission_sets.app,
                'set': coalesce(permission_sets.name, permission_set_id),
                'permission_set_id': permission_set_id
            }
            ORDER BY permission_sets.app, permission_set_id
        ) AS sets
    FROM (
        SELECT
            company,
            user_id,
            permission,
            unnest(explanations.granted_by) AS permission_set_id
        FROM explanations
    ) AS grants
    LEFT JOIN permission_sets USING (company, permission_set_id)
    GROUP BY company, grants.user_id, grants.permission
)

SELECT
    company,
    'user' AS subject_kind,
    CAST(user_id AS VARCHAR) AS subject_id,
    permission AS object,
    if(sensitive.permission IS NULL, 'medium', 'high') AS severity,
    concat(
        users.label, ' holds ', permission, ', which ',
        if(outliers.holders = 0, 'none', CAST(outliers.holders AS VARCHAR)),
        ' of ', outliers.peers, ' peers ', if(outliers.holders > 1, 'hold.', 'holds.')
    ) AS title,
    to_json({
        'user': users.label,
        'role': seats.role,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'permission': permission,
        'sensitive': sensitive.permission IS NOT NULL,
        'since': flags.since,
        'observed_at': flags.observed_at,
        -- NULL means unknown
        'granted_by': CASE
            WHEN len(explanations.granted_by) = 0 THEN []
            ELSE granting_sets.sets
        END,
        'peers': outliers.peers,
        'peers_of_the_role': outliers.role_peers,
        'peers_who_hold_it': outliers.holders,
        'peers_from': outliers.kind,
        'nearest_peers': nearest_peers.peers,
        'score': round(outliers.score, 2),
        'threshold_score': outliers.threshold
    }) AS evidence
FROM outliers
INNER JOIN users USING (company, user_id)
INNER JOIN concerned_flags AS flags USING (company, user_id, permission)
LEFT JOIN nearest_peers USING (company, user_id, permission)
LEFT JOIN seats USING (company, user_id)
LEFT JOIN explanations USING (company, user_id, permission)
LEFT JOIN granting_sets USING (company, user_id, permission)
LEFT JOIN sensitive_permissions AS sensitive USING (company, permission)
WHERE flags.granted
    AND flags.source = 'observed'
