-- One row per user and permission that was held at a moment: access_at('2026-11-01').
-- A day is its first moment, 00:00 UTC. What counts is what had been seen by then; what was only
-- inferred then is not here. A moment before the first snapshot, or more than a day after the
-- latest, is an error that tells what is known.
--
-- kind: macro
-- parameters:
--   moment: the moment, UTC: a text, a date or a timestamp
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   name: the user's name then
--   email: the user's e-mail address then
--   active: whether the user was active then
--   roles: the roles of the user's active assignments then, sorted by name
--   permission: the permission
--   since: when it was first seen
-- example: SELECT name, roles, since FROM access_at('2026-11-24') WHERE permission = 'can_use_api'
WITH people AS (
    SELECT
        company,
        user_id,
        name,
        email,
        active
    FROM users_history
    WHERE valid_from <= TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP)
        AND (valid_to IS NULL OR valid_to > TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP))
),

role_names AS (
    SELECT
        company,
        role_id,
        name
    FROM roles_history
    WHERE valid_from <= TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP)
        AND (valid_to IS NULL OR valid_to > TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP))
),

memberships AS (
    SELECT
        company,
        user_roles_history.user_id,
        list(
            coalesce(role_names.name, CAST(role_id AS VARCHAR))
            ORDER BY coalesce(role_names.name, CAST(role_id AS VARCHAR))
        ) AS roles
    FROM user_roles_history
    LEFT JOIN role_names USING (company, role_id)
    WHERE user_roles_history.active
        AND user_roles_history.valid_from <= TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP)
        AND (
            user_roles_history.valid_to IS NULL
            OR user_roles_history.valid_to > TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP)
        )
    GROUP BY company, user_roles_history.user_id
),

holdings AS (
    SELECT
        company,
        user_id,
        permission,
        valid_from AS since
    FROM user_permissions_history
    WHERE granted
        AND valid_from <= TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP)
        AND (valid_to IS NULL OR valid_to > TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP))
),

-- What the latest snapshot saw counts for a day: until the next night.
spans AS (
    SELECT
        min(snapshots.started_at) AS first_at,
        max(snapshots.started_at) + INTERVAL 1 DAY AS last_at,
        concat(
            'known is what was read from ',
            -- moments at which it is known, although written without a fraction
            strftime(min(snapshots.started_at) + INTERVAL 999999 MICROSECOND, '%Y-%m-%d %H:%M:%S'),
            ' to ',
            strftime(max(snapshots.started_at) + INTERVAL 999999 MICROSECOND, '%Y-%m-%d %H:%M:%S'),
            ' (UTC).'
        ) AS told
    FROM snapshots
    WHERE snapshots.status IN ('complete', 'partial')
),

-- Rules ask for what a company may not know of; people are told.
problems AS (
    SELECT
        CASE
            WHEN TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP) IS NULL
                THEN concat(
                    '''', CAST(moment AS VARCHAR), ''' is no time; write a day, such as',
                    ' ''2026-11-24'', or a moment, such as ''2026-11-24 13:50''; ', spans.told
                )
            WHEN getvariable('rules_ask') IS NOT NULL THEN NULL
            WHEN TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP) < spans.first_at
                THEN concat(
                    'Before the first snapshot, as on ', CAST(moment AS VARCHAR),
                    ', nothing is known; ', spans.told
                )
            WHEN TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP) > spans.last_at
                THEN concat(
                    'After the latest snapshot, as on ', CAST(moment AS VARCHAR),
                    ', nothing is known; ', spans.told
                )
        END AS message
    FROM spans
)

SELECT
    company,
    user_id,
    people.name,
    people.email,
    people.active,
    coalesce(memberships.roles, []) AS roles,
    holdings.permission,
    holdings.since
FROM holdings
INNER JOIN people USING (company, user_id)
LEFT JOIN memberships USING (company, user_id)

UNION ALL

-- every column is the error, so that no filter on them can leave it out
SELECT
    error(message) AS company,
    error(message) AS user_id,
    error(message) AS name,
    error(message) AS email,
    error(message) AS active,
    error(message) AS roles,
    error(message) AS permission,
    error(message) AS since
FROM problems
WHERE error(message) IS NOT NULL
