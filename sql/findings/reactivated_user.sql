-- One row per user who was deactivated or deleted and is active again, within `event_open_days`.
-- The event ends when the user is deactivated or deleted again.
--
-- kind: rule
-- title: Reactivated user
-- severity: medium
-- meaning: An account that was deactivated or deleted is active again, with whatever it held. A
--   forgotten account of a former employee is an entry point that nobody watches.
-- remedy: Ask who reactivated the account and for which person. Check the roles and permission sets
--   that it has.
-- reference: NIST SP 800-53 AC-2 (account management), CIS Controls v8 6.2 (access revoking)
-- needs: users
-- identity: subject, snapshot_id
-- event: yes
WITH steps AS (
    SELECT
        company,
        CAST(access_changes.subject_id AS BIGINT) AS user_id,
        access_changes.object AS attribute,
        snapshot_id,
        event_snapshots.compared,
        access_changes.at AS since,
        -- a step towards being active, even if another attribute still says otherwise
        (access_changes.object = 'active') = (access_changes.after = 'true') AS returns
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object IN ('active', 'deleted')
        AND access_changes.object_kind = 'attribute'
),

returned_users AS (
    SELECT
        steps.company,
        steps.user_id,
        steps.snapshot_id,
        steps.compared,
        steps.since,
        bool_or(steps.attribute = 'deleted') AS was_deleted
    FROM steps
    INNER JOIN users_history AS versions
        ON versions.company = steps.company
        AND versions.user_id = steps.user_id
        AND versions.valid_from = steps.since
    WHERE steps.returns
        AND versions.live
    GROUP BY ALL
),

-- how long the users were inactive, as far as snapshots show it
absences AS (
    SELECT
        returned_users.company,
        returned_users.user_id,
        returned_users.since,
        max(access_changes.at) AS away_since
    FROM access_changes
    INNER JOIN returned_users
        ON returned_users.company = access_changes.company
        AND CAST(returned_users.user_id AS VARCHAR) = access_changes.subject_id
        AND returned_users.since > access_changes.at
    WHERE access_changes.subject_kind = 'user'
        AND access_changes.object_kind = 'attribute'
        AND (
            (access_changes.object = 'active' AND access_changes.after = 'false')
            OR (access_changes.object = 'deleted' AND access_changes.after = 'true')
        )
    GROUP BY ALL
),

set_lists AS (
    SELECT
        company,
        user_id,
        list(DISTINCT label ORDER BY label) AS sets
    FROM held_sets
    SEMI JOIN returned_users USING (company, user_id)
    GROUP BY company, user_id
),

role_lists AS (
    SELECT
        company,
        user_id,
        list(DISTINCT label ORDER BY label) AS roles
    FROM held_roles
    SEMI JOIN returned_users USING (company, user_id)
    WHERE source = 'observed'
    GROUP BY company, user_id
),

held_flags AS (
    SELECT
        company,
        user_id,
        count(*) AS permissions,
        list(flags.permission ORDER BY flags.permission)
            FILTER (sensitive_permissions.permission IS NOT NULL) AS sensitive
    FROM user_permissions_history AS flags
    -- this limits the join to few users; without it, DuckDB reads the permissions of all
    SEMI JOIN steps USING (company, user_id)
    LEFT JOIN sensitive_permissions
        ON sensitive_permissions.company = flags.company
        AND sensitive_permissions.permission = flags.permission
    WHERE flags.granted
        AND flags.valid_to IS NULL
    GROUP BY company, user_id
)

SELECT
    returned_users.company,
    'user' AS subject_kind,
    CAST(returned_users.user_id AS VARCHAR) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    returned_users.snapshot_id,
    'medium' AS severity,
    concat(
        users.label,
        ' was ',
        CASE WHEN returned_users.was_deleted THEN 'deleted' ELSE 'deactivated' END,
        ' and is active again.'
    ) AS title,
    to_json({
        'user': users.label,
        'before': CASE WHEN returned_users.was_deleted THEN 'deleted' ELSE 'deactivated' END,
        'after': 'active',
        'away_since': absences.away_since,
        'since': returned_users.since,
        'snapshots': returned_users.compared,
        'last_login': users.last_login,
        'login_known': users.login_known,
        'created': users.created,
        'first_seen': users.first_seen,
        'admin_apps': users.admin_apps,
        'roles': coalesce(role_lists.roles, []),
        'permission_sets': coalesce(set_lists.sets, []),
        'permissions': coalesce(held_flags.permissions, 0),
        'sensitive_permissions': coalesce(held_flags.sensitive, []),
        'permissions_observed_at': users.permissions_observed_at
    }) AS evidence
FROM returned_users
INNER JOIN users USING (company, user_id)
LEFT JOIN absences USING (company, user_id, since)
LEFT JOIN role_lists USING (company, user_id)
LEFT JOIN set_lists USING (company, user_id)
LEFT JOIN held_flags USING (company, user_id)
-- without users who became inactive again
ANTI JOIN steps AS departures
    ON departures.company = returned_users.company
    AND departures.user_id = returned_users.user_id
    AND departures.since > returned_users.since
    AND NOT departures.returns
WHERE users.live
