-- One row per snapshot in which Pipedrive itself changed permissions, within `event_open_days`. A
-- change is attributed to Pipedrive if it affects all live users alike, in every permission set and
-- every role, and no set, role or assignment changed: all users gain or lose a permission, or all
-- users lose all permissions. This needs at least `vendor_change_users_count` users whose
-- permissions were read before and now, and a response for every role and set. Permissions that are
-- held back keep their previous state and open no finding; a sensitive permission that all users
-- gain is not held back. If the next snapshot returns the same, it is believed: findings open and
-- are fixed as usual. A permission that no response names in `permission_gone_snapshots_count` full
-- snapshots in a row, and that no permission set lists, is removed for all users at once, however
-- few held it. The event ends with age only.
--
-- kind: rule
-- title: Change by Pipedrive itself
-- severity: high
-- meaning: The permissions of all users changed at once, and nobody edited a set, a role or an
--   assignment: Pipedrive added or removed a permission, or its responses are wrong. Changes that
--   are held back are listed here and open no other findings until the next snapshot.
-- remedy: Check one user in Pipedrive's settings. If the response is wrong, ask Pipedrive and wait
--   for the next snapshot. If the change is real, decide who should hold the permission.
-- reference: NIST SP 800-53 AU-6 (audit record review), CM-3 (configuration change control)
-- needs: users, roles, permissionSets
-- identity: subject, snapshot_id
-- event: yes
WITH changes AS (
    SELECT
        company,
        snapshot_id,
        event_snapshots.compared,
        event_snapshots.read_at,
        vendor_changes.user_id,
        vendor_changes.permission,
        vendor_changes.change,
        vendor_changes.held
    FROM vendor_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
),

events AS (
    SELECT
        company,
        snapshot_id,
        any_value(compared) AS compared,
        any_value(read_at) AS read_at,
        count(*) AS changed,
        count(*) FILTER (held) AS held,
        count(*) FILTER (change = 'granted') AS granted,
        count(*) FILTER (change = 'revoked') AS revoked,
        count(*) FILTER (change = 'removed') AS removed
    FROM changes
    GROUP BY company, snapshot_id
),

permission_counts AS (
    SELECT
        company,
        snapshot_id,
        permission,
        change,
        held,
        count(*) AS users
    FROM changes
    GROUP BY company, snapshot_id, permission, change, held
),

by_permission AS (
    SELECT
        company,
        snapshot_id,
        list(
            {'permission': permission, 'change': change, 'users': users, 'held': held}
            ORDER BY permission, change
        ) AS permissions,
        list(DISTINCT permission ORDER BY permission) AS names
    FROM permission_counts
    GROUP BY company, snapshot_id
),

reached AS (
    SELECT DISTINCT
        company,
        snapshot_id,
        user_id
    FROM changes
),

by_user AS (
    SELECT
        company,
        snapshot_id,
        count(*) AS users,
        list(coalesce(users.label, concat('User ', user_id)) ORDER BY user_id) AS labels
    FROM reached
    LEFT JOIN users USING (company, user_id)
    GROUP BY company, snapshot_id
)

SELECT
    company,
    'company' AS subject_kind,
    coalesce(CAST(current_snapshot.company_id AS VARCHAR), company) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    events.snapshot_id,
    'high' AS severity,
    concat(
        'Pipedrive itself changed ',
        CASE
            WHEN len(by_permission.names) = 1 THEN by_permission.names[1]
            ELSE concat(len(by_permission.names), ' permissions')
        END,
        ' for ',
        by_user.users,
        ' users: ',
        array_to_string(
            list_filter(
                [
                    CASE WHEN events.granted > 0 THEN concat(events.granted, ' granted') END,
                    CASE WHEN events.revoked > 0 THEN concat(events.revoked, ' taken away') END,
                    CASE
                        WHEN events.removed > 0
                            THEN concat(events.removed, ' gone with a permission that was removed')
                    END
                ],
                lambda part: part IS NOT NULL
            ),
            ' and '
        ),
        ', ',
        CASE
            WHEN events.held = 0 THEN 'none'
            WHEN events.held = events.changed THEN 'all'
            ELSE CAST(events.held AS VARCHAR)
        END,
        ' held back until the next snapshot.'
    ) AS title,
    to_json({
        'changed': events.changed,
        'held': events.held,
        'by_kind': {'granted': events.granted, 'revoked': events.revoked},
        'permissions': by_permission.permissions,
        'users': by_user.users,
        'reached_users': by_user.labels,
        'threshold_users': rule_thresholds.vendor_change_users_count,
        'since': events.read_at,
        'snapshots': events.compared
    }) AS evidence
FROM events
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
INNER JOIN by_permission
    ON by_permission.company = events.company
    AND by_permission.snapshot_id = events.snapshot_id
INNER JOIN by_user
    ON by_user.company = events.company
    AND by_user.snapshot_id = events.snapshot_id
