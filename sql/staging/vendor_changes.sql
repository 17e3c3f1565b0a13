-- One row per permission of a user that Pipedrive itself changed since the last answer.
-- A change is attributed to Pipedrive if it affects all live users alike who could be affected,
-- including users of every permission set and every role, at least as many as the threshold, while
-- no set, role or assignment changed. This is decided per permission; and for all permissions at
-- once if nobody keeps any granted permission. Only comparable users who were answered before
-- count; a grant to everybody also counts for users who are answered for the first time. Held-back
-- answers keep the value of the previous snapshot: all revocations, and grants of permissions that
-- are not sensitive. In the snapshot after a held-back change, nothing is held back. A permission
-- that leaves for all users (`permission_names`) is Pipedrive's change too, however few users had
-- it.
--
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   change: granted, revoked, or removed (the permission no longer exists)
--   held: whether the answer is held back until the next snapshot
WITH latest_snapshots AS (
    SELECT company, arg_max(snapshot_id, started_at) AS snapshot_id
    FROM history.snapshots
    WHERE status IN ('complete', 'partial')
    GROUP BY company
),

thresholds AS (
    SELECT company, value AS users
    FROM policy.thresholds
    WHERE name = 'vendor_change_users_count'
),

-- In most snapshots, the answers about only few comparable users have changed, and nothing else is
-- read.
comparable_users AS (
    SELECT users.*
    FROM staging.comparable_users AS users
    SEMI JOIN (
        SELECT company
        FROM staging.comparable_users
        INNER JOIN thresholds USING (company)
        WHERE live AND answered_before AND NOT unchanged
        GROUP BY company, thresholds.users
        HAVING count(*) >= thresholds.users
    ) AS changed USING (company)
    ANTI JOIN (
        SELECT company
        FROM history.vendor_changes
        SEMI JOIN latest_snapshots USING (company, snapshot_id)
        WHERE held
    ) AS held_before USING (company)
),

leaving_permissions AS (
    SELECT company, permission
    FROM staging.permission_names
    WHERE leaves
),

last_flags AS (
    SELECT company, user_id, last.permission, last.granted, users.live, users.unchanged
    FROM history.user_permissions AS last
    INNER JOIN comparable_users AS users USING (company, user_id)
    WHERE last.valid_to IS NULL AND users.answered_before
),

-- An unreadable value keeps the last known one.
answered_flags AS (
    SELECT company, user_id, flag.permission AS permission, flag.granted AS granted
    FROM (
        SELECT users.company, users.user_id, unnest(read_answers.flags) AS flag
        FROM comparable_users AS users
        INNER JOIN staging.permissions_answered AS answered USING (company, user_id)
        INNER JOIN (
            SELECT DISTINCT digest, flags
            FROM staging.permission_answers
        ) AS read_answers USING (digest)
        WHERE NOT users.unchanged
    )
    WHERE flag.granted IS NOT FALSE
),

all_changes AS (
    SELECT
        users.company,
        users.user_id,
        users.live AND users.answered_before AS counts,
        flags.permission,
        'granted' AS change
    FROM answered_flags AS flags
    INNER JOIN comparable_users AS users USING (company, user_id)
    ANTI JOIN last_flags AS last
        ON
            last.company = flags.company
            AND last.user_id = flags.user_id
            AND last.permission = flags.permission
            -- an unknown value has not changed
            AND last.granted IS DISTINCT FROM FALSE
    WHERE flags.granted
    UNION ALL
    SELECT
        last.company,
        last.user_id,
        last.live AS counts,
        last.permission,
        'revoked' AS change
    FROM last_flags AS last
    ANTI JOIN answered_flags USING (company, user_id, permission)
    -- a permission that is omitted without being denied is as before
    ANTI JOIN staging.unanswered_permissions USING (company, user_id, permission)
    ANTI JOIN leaving_permissions USING (company, permission)
    WHERE last.granted AND NOT last.unchanged
),

-- The same changes in earlier snapshots, whether or not they were accepted later.
earlier_changes AS (
    SELECT DISTINCT
        company,
        vendor.permission,
        vendor.change,
        snapshots.started_at
    FROM (
        SELECT DISTINCT company, snapshot_id, permission, change
        FROM history.vendor_changes
        SEMI JOIN all_changes USING (company, permission, change)
    ) AS vendor
    INNER JOIN history.snapshots AS snapshots USING (company, snapshot_id)
),

-- Live users whose permissions were answered since then, with nothing held back.
holders_since AS (
    SELECT
        earlier.company,
        earlier.permission,
        earlier.change,
        earlier.started_at,
        users.user_id,
        count(*) FILTER (
            flags.valid_from < earlier.started_at
            AND (flags.valid_to IS NULL OR flags.valid_to >= earlier.started_at)
        ) > 0 AS held_before,
        count(*) FILTER (flags.granted AND flags.valid_to IS NULL) > 0 AS holds_now
    FROM earlier_changes AS earlier
    INNER JOIN history.users AS users
        ON
            users.company = earlier.company
            AND users.valid_to IS NULL
            AND users.active
            AND users.deleted IS NOT TRUE
    INNER JOIN history.observations AS observations
        ON
            observations.company = users.company
            AND observations.history_table = 'user_permissions'
            AND observations.subject_id = CAST(users.user_id AS VARCHAR)
            AND observations.last_at >= earlier.started_at
    LEFT JOIN history.user_permissions AS flags
        ON
            flags.company = users.company
            AND flags.user_id = users.user_id
            AND flags.permission = earlier.permission
            AND flags.granted
    GROUP BY
        earlier.company, earlier.permission, earlier.change, earlier.started_at, users.user_id
),

-- An earlier change is accepted if most users who could be affected have it now. Users who were not
-- requested since then follow one by one.
believed_changes AS (
    SELECT DISTINCT company, permission, change
    FROM holders_since
    WHERE held_before = (change = 'revoked')
    GROUP BY company, permission, change, started_at
    HAVING count(*) FILTER (holds_now = (change = 'granted')) * 2 > count(*)
),

changes AS (
    SELECT all_changes.*
    FROM all_changes
    ANTI JOIN believed_changes USING (company, permission, change)
),

-- Users who could be affected: those who lacked a granted permission, or held a revoked one.
headcounts AS (
    SELECT company, count(*) AS users
    FROM comparable_users
    WHERE live AND answered_before
    GROUP BY company
),

holdings AS (
    SELECT
        company,
        permission,
        count(*) FILTER (granted) AS holders,
        count(*) FILTER (granted IS NULL) AS unclear
    FROM last_flags
    SEMI JOIN changes USING (company, permission)
    WHERE live
    GROUP BY company, permission
),

common_changes AS (
    SELECT
        company,
        changes.permission,
        changes.change,
        count(*) AS users
    FROM changes
    INNER JOIN headcounts USING (company)
    LEFT JOIN holdings USING (company, permission)
    WHERE changes.counts
    GROUP BY
        company, changes.permission, changes.change,
        headcounts.users, holdings.holders, holdings.unclear
    HAVING
        count(*) = CASE changes.change
            WHEN 'revoked' THEN holdings.holders
            ELSE headcounts.users - coalesce(holdings.holders + holdings.unclear, 0)
        END
),

-- Sets and roles that live users had before and have now; only roles with an answered user.
memberships AS (
    SELECT DISTINCT
        company,
        user_id,
        'set ' || permission_set_id AS place
    FROM (
        SELECT company, user_id, unnest(access).permission_set_id AS permission_set_id
        FROM staging.users
        WHERE active AND deleted IS NOT TRUE
    )
    SEMI JOIN (
        SELECT company, user_id, unnest(access).permission_set_id AS permission_set_id
        FROM history.users
        WHERE valid_to IS NULL
    ) AS last USING (company, user_id, permission_set_id)
    UNION ALL
    SELECT DISTINCT
        company,
        user_id,
        'role ' || roles.role_id AS place
    FROM staging.user_roles AS roles
    SEMI JOIN (
        SELECT company, user_id, role_id
        FROM history.user_roles
        WHERE active AND valid_to IS NULL
    ) AS last USING (company, user_id, role_id)
    INNER JOIN staging.users AS users USING (company, user_id)
    SEMI JOIN staging.permissions_answered USING (company, user_id)
    WHERE roles.active AND users.active AND users.deleted IS NOT TRUE
),

places AS (
    SELECT company, count(DISTINCT place) AS places
    FROM memberships
    SEMI JOIN changes USING (company)
    GROUP BY company
),

-- Users who are answered for the first time show how far a change reached, too.
places_hit AS (
    SELECT
        company,
        changes.permission,
        changes.change,
        count(DISTINCT memberships.place) AS places
    FROM changes
    SEMI JOIN common_changes USING (company, permission, change)
    INNER JOIN memberships USING (company, user_id)
    GROUP BY company, changes.permission, changes.change
),

vendor_permissions AS (
    SELECT company, common.permission, common.change
    FROM common_changes AS common
    INNER JOIN thresholds USING (company)
    INNER JOIN places_hit USING (company, permission, change)
    INNER JOIN places ON places.company = common.company AND places.places = places_hit.places
    WHERE common.users >= thresholds.users
),

-- Companies whose live users keep none of their granted permissions.
granted_counts AS (
    SELECT company, count(*) AS flags
    FROM last_flags
    WHERE live AND granted
    GROUP BY company
),

lost_counts AS (
    SELECT company, count(*) AS flags, count(DISTINCT user_id) AS users
    FROM changes
    WHERE counts AND change = 'revoked'
    GROUP BY company
),

holders AS (
    SELECT DISTINCT last.company, last.user_id
    FROM history.user_permissions AS last
    SEMI JOIN changes USING (company)
    WHERE last.valid_to IS NULL AND last.granted
),

places_held AS (
    SELECT company, count(DISTINCT memberships.place) AS places
    FROM memberships
    SEMI JOIN holders USING (company, user_id)
    GROUP BY company
),

places_lost AS (
    SELECT company, count(DISTINCT memberships.place) AS places
    FROM changes
    INNER JOIN memberships USING (company, user_id)
    WHERE changes.counts AND changes.change = 'revoked'
    GROUP BY company
),

emptied_companies AS (
    SELECT company
    FROM lost_counts AS lost
    INNER JOIN granted_counts USING (company, flags)
    INNER JOIN places_lost USING (company)
    INNER JOIN places_held USING (company, places)
    INNER JOIN thresholds USING (company)
    WHERE lost.users >= thresholds.users
)

SELECT
    changes.company,
    changes.user_id,
    changes.permission,
    changes.change,
    changes.change = 'revoked' OR sensitive.permission IS NULL AS held
FROM changes
LEFT JOIN vendor_permissions AS vendor USING (company, permission, change)
LEFT JOIN emptied_companies AS emptied
    ON emptied.company = changes.company AND changes.change = 'revoked'
LEFT JOIN policy.sensitive_permissions AS sensitive
    ON sensitive.company = changes.company AND sensitive.permission = changes.permission
WHERE vendor.company IS NOT NULL OR emptied.company IS NOT NULL
UNION ALL
SELECT
    last.company,
    last.user_id,
    last.permission,
    'removed' AS change,
    FALSE AS held
FROM history.user_permissions AS last
SEMI JOIN leaving_permissions USING (company, permission)
WHERE last.valid_to IS NULL AND last.granted
