-- One row per snapshot in which Pipedrive itself changed permissions, within `event_open_days`.
-- A change is Pipedrive's where it hits all live users alike, users of every permission set and
-- every role among them, and no set, role or assignment changed: a permission that everybody is
-- granted or loses, or everybody loses all. It takes at least
-- `vendor_change_users_count` users whose permissions were answered before and now, and an answer
-- for every role and set. What is held counts as it was before and leads to no finding; a sensitive
-- permission that everybody is granted is not held. If the next snapshot answers the same, that is
-- believed: findings open and are fixed as usual. A permission that no answer names in
-- `permission_gone_snapshots_count` full snapshots in a row, and that no permission set lists, is
-- removed for everybody at once, however few had it. Over with age only.
--
-- kind: rule
-- title: Change by Pipedrive itself
-- severity: high
-- meaning: Permissions of everybody changed at once, and nobody edited a set, a role or an
--   assignment: Pipedrive added or removed a permission, or answers wrongly. What is held back is
--   listed here and leads to no other findings until the next snapshot.
-- remedy: Look at one user in Pipedrive's settings. If the answer is wrong, ask Pipedrive and wait
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
