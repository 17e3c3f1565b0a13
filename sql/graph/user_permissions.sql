-- One row per permission that is named for a user now, granted or not.
-- A permission that an answer omits keeps its last known value if it was named for this user before
-- or is named for others: see `unanswered_permissions`. A permission that is named for nobody, and
-- a permission that is not granted in a company whose answers name only granted ones, has no row.
-- In a snapshot collected by access, a user who was not requested has what all observed users with
-- the same access signature have in common: see `permission_sources`, which also lists users
-- without known permissions.
--
-- kind: view
-- built: in memory
-- key: company, user_id, permission
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   granted: whether the user has it; NULL means not known: named without a usable value, or
--     inferred from users who differ in it
--   source: observed (answered for this user) or inferred (from users with the same access)
--   observed_at: when the permission was last answered for the user, or if it is inferred, the
--     user's permissions; NULL means never
--   since: when this value was first seen; NULL if it is inferred
-- example: SELECT permission, count(*) AS holders FROM user_permissions WHERE granted GROUP BY
--   ALL ORDER BY holders DESC
WITH observed AS (
    SELECT
        company,
        user_id,
        flags.permission,
        flags.granted,
        flags.valid_from AS since,
        unanswered.user_id IS NOT NULL AS is_left_out,
        unanswered.observed_at
    FROM user_permissions_history AS flags
    LEFT JOIN history.unanswered_permissions AS unanswered USING (company, user_id, permission)
    WHERE flags.valid_to IS NULL
),

samples AS (
    SELECT
        company,
        sources.signature,
        user_id,
        count(*) OVER (PARTITION BY company, sources.signature) AS observed_users
    FROM permission_sources AS sources
    WHERE sources.source = 'observed'
        AND sources.signature IN (
            SELECT signature
            FROM permission_sources
            WHERE source = 'inferred'
        )
),

inferences AS (
    SELECT
        company,
        samples.signature,
        observed.permission,
        CASE
            WHEN count(*) FILTER (observed.granted) = any_value(samples.observed_users) THEN TRUE
            -- an answer that does not name it does not grant it
            WHEN count(*) FILTER (observed.granted IS DISTINCT FROM FALSE) = 0 THEN FALSE
        END AS granted
    FROM observed
    INNER JOIN samples USING (company, user_id)
    GROUP BY company, samples.signature, observed.permission
)

SELECT
    company,
    user_id,
    observed.permission,
    -- observed under a different access, and there is nobody to infer it from: not known
    CASE WHEN sources.source = 'observed' THEN observed.granted END AS granted,
    'observed' AS source,
    CASE WHEN observed.is_left_out THEN observed.observed_at ELSE sources.observed_at END
        AS observed_at,
    observed.since
FROM observed
INNER JOIN permission_sources AS sources USING (company, user_id)
WHERE sources.source IS DISTINCT FROM 'inferred'

UNION ALL

SELECT
    sources.company,
    sources.user_id,
    inferences.permission,
    inferences.granted,
    sources.source,
    sources.observed_at,
    CAST(NULL AS TIMESTAMP) AS since
FROM permission_sources AS sources
INNER JOIN inferences
    ON inferences.company = sources.company
    AND inferences.signature = sources.signature
WHERE sources.source = 'inferred'
