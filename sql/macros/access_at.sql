-- One row per user and permission that the user held at a time: access_at('2026-11-01').
-- A date means its start, 00:00 UTC. The macro uses what had been observed by then; permissions
-- that were only inferred then are not included. A time before the first snapshot, or more than a
-- day after the latest, is an error that gives the known range.
--
-- kind: macro
-- parameters:
--   moment: the time, UTC: a text, a date or a timestamp
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   name: the user's name at that time
--   email: the user's e-mail address at that time
--   active: whether the user was active at that time
--   roles: the roles of the user's active assignments at that time, sorted by name
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

-- The latest snapshot is valid for one day, until the next one is due.
spans AS (
    SELECT
        min(snapshots.started_at) AS first_at,
        max(snapshots.started_at) + INTERVAL 1 DAY AS last_at,
        concat(
            'the snapshots cover ',
            -- rounded up to full seconds, so that the printed times are inside the range
            strftime(min(snapshots.started_at) + INTERVAL 999999 MICROSECOND, '%Y-%m-%d %H:%M:%S'),
            ' to ',
            strftime(max(snapshots.started_at) + INTERVAL 999999 MICROSECOND, '%Y-%m-%d %H:%M:%S'),
            ' (UTC).'
        ) AS known
    FROM snapshots
    WHERE snapshots.status IN ('complete', 'partial')
),

-- Rules may use values that a company does not have, so only people's queries raise errors.
problems AS (
    SELECT
        CASE
            WHEN TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP) IS NULL
                THEN concat(
                    '''', CAST(moment AS VARCHAR), ''' is not a time; write a day, such as',
                    ' ''2026-11-24'', or a moment, such as ''2026-11-24 13:50''; ', spans.known
                )
            WHEN getvariable('rules_ask') IS NOT NULL THEN NULL
            WHEN TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP) < spans.first_at
                THEN concat(
                    'Before the first snapshot, as on ', CAST(moment AS VARCHAR),
                    ', nothing is known; ', spans.known
                )
            WHEN TRY_CAST(CAST(moment AS VARCHAR) AS TIMESTAMP) > spans.last_at
                THEN concat(
                    'After the latest snapshot, as on ', CAST(moment AS VARCHAR),
                    ', nothing is known; ', spans.known
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

-- every column raises the error, so that no filter can skip it
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
