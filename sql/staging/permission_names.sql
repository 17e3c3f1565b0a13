-- One row per permission that the snapshot's answers or earlier answers name.
-- A permission that no answer names any more leaves if it was missing in
-- `permission_gone_snapshots_count` full snapshots in a row, all users who had it were answered
-- since then, and no permission set lists it. A snapshot is full if every call for the permissions
-- of a user and for the contents of a set was answered.
--
-- key: company, permission
-- columns:
--   company: the company's name in the settings
--   permission: the permission's name
--   denied: whether an answer ever said that the user does not hold it
--   named: whether an answer of this snapshot names it
--   named_at: the as-of time of the last snapshot with an answer that names it
--   missing: in how many full snapshots in a row no answer named it
--   leaves: whether the permission no longer exists
WITH latest_snapshots AS (
    SELECT company, arg_max(snapshot_id, started_at) AS snapshot_id, max(started_at) AS as_of
    FROM history.snapshots
    WHERE status IN ('complete', 'partial')
    GROUP BY company
),

held_names AS (
    SELECT DISTINCT company, permission
    FROM history.vendor_changes
    SEMI JOIN latest_snapshots USING (company, snapshot_id)
    WHERE held AND change = 'granted'
),

-- a permission that was held back in the last snapshot, and that nobody was known to have, does not
-- count yet
never_believed AS (
    SELECT company, permission
    FROM held_names
    ANTI JOIN (
        -- in most snapshots nothing was held back, and nothing is read
        SELECT company, permission
        FROM history.user_permissions
        SEMI JOIN held_names USING (company, permission)
        WHERE valid_to IS NULL
    ) AS last USING (company, permission)
),

unnamed_companies AS (
    SELECT company
    FROM landing.batch
    ANTI JOIN history.permission_names USING (company)
),

last_names AS (
    SELECT company, permission, denied, named_at, missing
    FROM history.permission_names
    SEMI JOIN landing.batch USING (company)
    ANTI JOIN never_believed USING (company, permission)
    UNION ALL
    -- the history of an earlier version has no names; current permissions were named in the last
    -- answers
    SELECT
        last.company,
        last.permission,
        bool_or(last.granted IS FALSE) AS denied,
        any_value(latest.as_of) AS named_at,
        0 AS missing
    FROM history.user_permissions AS last
    SEMI JOIN unnamed_companies USING (company)
    INNER JOIN latest_snapshots AS latest USING (company)
    WHERE last.valid_to IS NULL
    GROUP BY last.company, last.permission
),

full_companies AS (
    SELECT company
    FROM staging.coverage
    WHERE endpoint = 'users/{id}/permissions'
    GROUP BY company
    HAVING bool_and(outcome IN ('answered', 'gone')) AND bool_or(outcome = 'answered')
    EXCEPT
    SELECT company
    FROM staging.coverage
    WHERE
        (endpoint = 'permissionSets/{id}' AND outcome NOT IN ('answered', 'gone'))
        OR (
            subject_id IS NULL
            AND endpoint IN ('users', 'permissionSets')
            AND outcome NOT IN ('answered', 'unoffered')
        )
),

names AS (
    SELECT
        company,
        permission,
        coalesce(last_names.denied OR named.denied, named.denied, last_names.denied) AS denied,
        named.company IS NOT NULL AS named,
        CASE WHEN named.company IS NULL THEN last_names.named_at ELSE batch.as_of END AS named_at,
        CASE
            WHEN named.company IS NOT NULL THEN 0
            ELSE
                last_names.missing
                + CASE WHEN full_companies.company IS NULL THEN 0 ELSE 1 END
        END AS missing
    FROM last_names
    FULL JOIN staging.named_permissions AS named USING (company, permission)
    INNER JOIN landing.batch AS batch USING (company)
    LEFT JOIN full_companies USING (company)
),

contents AS (
    SELECT company, contents
    FROM staging.permission_sets
    UNION ALL
    SELECT company, contents
    FROM history.permission_sets AS last
    ANTI JOIN staging.permission_sets USING (company, permission_set_id)
    SEMI JOIN landing.batch USING (company)
    WHERE valid_to IS NULL
),

listed AS (
    SELECT DISTINCT company, unnest(contents) AS permission
    FROM contents
),

unclear_companies AS (
    SELECT company
    FROM contents
    WHERE contents IS NULL
),

candidates AS (
    SELECT names.company, names.permission, names.named_at
    FROM names
    INNER JOIN policy.thresholds
        ON
            thresholds.company = names.company
            AND thresholds.name = 'permission_gone_snapshots_count'
    SEMI JOIN full_companies ON full_companies.company = names.company
    ANTI JOIN listed ON listed.company = names.company AND listed.permission = names.permission
    ANTI JOIN unclear_companies ON unclear_companies.company = names.company
    WHERE NOT names.named AND names.missing >= thresholds.value
),

-- a user who had it was not answered since then, for example because of collection by access
awaited AS (
    SELECT DISTINCT candidates.company, candidates.permission
    FROM candidates
    INNER JOIN history.user_permissions AS last USING (company, permission)
    SEMI JOIN staging.users
        ON users.company = last.company AND users.user_id = last.user_id
    ANTI JOIN staging.permissions_answered AS answered
        ON answered.company = last.company AND answered.user_id = last.user_id
    LEFT JOIN history.observations AS observations
        ON
            observations.company = last.company
            AND observations.history_table = 'user_permissions'
            AND observations.subject_id = CAST(last.user_id AS VARCHAR)
    WHERE
        last.valid_to IS NULL
        AND (observations.last_at IS NULL OR observations.last_at <= candidates.named_at)
)

SELECT
    names.company,
    names.permission,
    names.denied,
    names.named,
    names.named_at,
    names.missing,
    candidates.permission IS NOT NULL AND awaited.permission IS NULL AS leaves
FROM names
LEFT JOIN candidates USING (company, permission)
LEFT JOIN awaited USING (company, permission)
