-- One row per snapshot in which many of a company's grants changed, within `event_open_days`. A
-- grant is a permission that a user holds. Only changes of users who existed both before and after
-- are counted. The share is relative to all grants known before. The event ends with age only.
--
-- kind: rule
-- title: Mass change
-- severity: high
-- meaning: Between two snapshots, more than 10 % of all grants, and at least 50 of them (default
--   thresholds), were added or removed: an edit that affected more than intended, a takeover, or a
--   reorganisation.
-- remedy: Ask who made the change, and whether everything it affected was intended. The counts by
--   permission and by set show where to start.
-- reference: NIST SP 800-53 CM-5 (access restrictions for change), AU-6
-- needs: users
-- identity: subject, snapshot_id
-- event: yes
WITH window_changes AS (
    SELECT
        company,
        snapshot_id,
        event_snapshots.read_at,
        event_snapshots.compared,
        access_changes.subject_id,
        access_changes.object_kind,
        access_changes.object AS permission,
        access_changes.kind,
        access_changes.edited_set
    FROM access_changes
    INNER JOIN event_snapshots USING (company, snapshot_id)
    WHERE access_changes.subject_kind = 'user'
        AND (
            access_changes.kind IN ('added', 'removed')
            OR (
                access_changes.object_kind = 'permission'
                AND access_changes.kind IN ('granted', 'revoked')
            )
        )
),

flag_changes AS (
    SELECT *
    FROM window_changes
    ANTI JOIN (
        SELECT
            company,
            snapshot_id,
            subject_id
        FROM window_changes
        WHERE kind IN ('added', 'removed')
    ) AS arrivals USING (company, snapshot_id, subject_id)
    WHERE object_kind = 'permission'
),

counts AS (
    SELECT
        company,
        snapshot_id,
        flag_changes.read_at,
        any_value(flag_changes.compared) AS compared,
        count(*) AS changed,
        count(*) FILTER (flag_changes.kind = 'granted') AS granted,
        count(*) FILTER (flag_changes.kind = 'revoked') AS revoked,
        count(DISTINCT flag_changes.subject_id) AS users_reached
    FROM flag_changes
    GROUP BY company, snapshot_id, flag_changes.read_at
),

large_counts AS (
    SELECT counts.*
    FROM counts
    INNER JOIN rule_thresholds USING (company)
    WHERE counts.changed >= rule_thresholds.mass_change_count
),

grants AS (
    SELECT
        company,
        large_counts.snapshot_id,
        count(*) AS grants_before
    FROM user_permissions_history AS flags
    INNER JOIN large_counts USING (company)
    WHERE flags.granted
        AND flags.valid_from < large_counts.read_at
        AND coalesce(flags.valid_to >= large_counts.read_at, TRUE)
    GROUP BY company, large_counts.snapshot_id
),

mass_changes AS (
    SELECT
        large_counts.*,
        coalesce(grants.grants_before, 0) AS grants_before
    FROM large_counts
    INNER JOIN rule_thresholds USING (company)
    LEFT JOIN grants USING (company, snapshot_id)
    WHERE large_counts.changed
        > rule_thresholds.mass_change_share * coalesce(grants.grants_before, 0)
),

permission_counts AS (
    SELECT
        company,
        snapshot_id,
        flag_changes.permission,
        count(*) FILTER (flag_changes.kind = 'granted') AS granted,
        count(*) FILTER (flag_changes.kind = 'revoked') AS revoked
    FROM flag_changes
    SEMI JOIN mass_changes USING (company, snapshot_id)
    GROUP BY company, snapshot_id, flag_changes.permission
    QUALIFY row_number() OVER (
        PARTITION BY company, snapshot_id ORDER BY count(*) DESC, flag_changes.permission
    ) <= 20
),

user_counts AS (
    SELECT
        company,
        snapshot_id,
        flag_changes.subject_id,
        count(*) FILTER (flag_changes.kind = 'granted') AS granted,
        count(*) FILTER (flag_changes.kind = 'revoked') AS revoked
    FROM flag_changes
    SEMI JOIN mass_changes USING (company, snapshot_id)
    GROUP BY company, snapshot_id, flag_changes.subject_id
    QUALIFY row_number() OVER (
        PARTITION BY company, snapshot_id ORDER BY count(*) DESC, flag_changes.subject_id
    ) <= 20
),

set_counts AS (
    SELECT
        company,
        snapshot_id,
        flag_changes.edited_set,
        coalesce(any_value(permission_sets.name), flag_changes.edited_set) AS set_name,
        count(*) AS changed
    FROM flag_changes
    SEMI JOIN mass_changes USING (company, snapshot_id)
    LEFT JOIN permission_sets
        ON permission_sets.company = flag_changes.company
        AND permission_sets.permission_set_id = flag_changes.edited_set
    WHERE flag_changes.edited_set IS NOT NULL
    GROUP BY company, snapshot_id, flag_changes.edited_set
),

by_permission AS (
    SELECT
        company,
        snapshot_id,
        list(
            {'permission': permission, 'granted': granted, 'revoked': revoked}
            ORDER BY granted + revoked DESC, permission
        ) AS permissions
    FROM permission_counts
    GROUP BY company, snapshot_id
),

by_user AS (
    SELECT
        user_counts.company,
        user_counts.snapshot_id,
        list(
            {
                'user': coalesce(users.label, concat('User ', user_counts.subject_id)),
                'granted': granted,
                'revoked': revoked
            }
            ORDER BY granted + revoked DESC, user_counts.subject_id
        ) AS subjects
    FROM user_counts
    LEFT JOIN users
        ON users.company = user_counts.company
        AND CAST(users.user_id AS VARCHAR) = user_counts.subject_id
    GROUP BY ALL
),

by_set AS (
    SELECT
        company,
        snapshot_id,
        list(
            {'set': set_name, 'permission_set_id': edited_set, 'changed': changed}
            ORDER BY changed DESC, edited_set
        ) AS sets
    FROM set_counts
    GROUP BY company, snapshot_id
)

SELECT
    company,
    'company' AS subject_kind,
    coalesce(CAST(current_snapshot.company_id AS VARCHAR), company) AS subject_id,
    CAST(NULL AS VARCHAR) AS object,
    mass_changes.snapshot_id,
    'high' AS severity,
    concat(
        mass_changes.changed,
        ' grants of ',
        company,
        ' changed in one night, where there were ',
        mass_changes.grants_before,
        ': ',
        mass_changes.granted,
        ' came and ',
        mass_changes.revoked,
        ' went, of ',
        mass_changes.users_reached,
        CASE WHEN mass_changes.users_reached = 1 THEN ' user.' ELSE ' users.' END
    ) AS title,
    to_json({
        'changed': mass_changes.changed,
        'by_kind': {'granted': mass_changes.granted, 'revoked': mass_changes.revoked},
        'users': mass_changes.users_reached,
        'grants_before': mass_changes.grants_before,
        'threshold_share': rule_thresholds.mass_change_share,
        'threshold_count': rule_thresholds.mass_change_count,
        'since': mass_changes.read_at,
        'snapshots': mass_changes.compared,
        -- a sample, because there may be very many
        'first_permissions': by_permission.permissions,
        'first_users': by_user.subjects,
        'edited_sets': coalesce(by_set.sets, [])
    }) AS evidence
FROM mass_changes
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
INNER JOIN by_permission
    ON by_permission.company = mass_changes.company
    AND by_permission.snapshot_id = mass_changes.snapshot_id
INNER JOIN by_user
    ON by_user.company = mass_changes.company
    AND by_user.snapshot_id = mass_changes.snapshot_id
LEFT JOIN by_set
    ON by_set.company = mass_changes.company
    AND by_set.snapshot_id = mass_changes.snapshot_id
