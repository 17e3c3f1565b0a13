-- One row per live user of the batch: the role and the permissions used for the comparison.
-- DuckDB needs the number of permissions as a constant: the variable compared_permissions, which is
-- at least 1.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: of several roles the one in the user's record, otherwise the lowest id; -1 means none
--   held: one digit per number in compared_permissions, 1 if it is held; an unknown permission
--     counts as held, so that it is not evidence against a colleague
--   reason: why the user is not compared; NULL if the user is compared
--   profile: the number of this combination of company, role and permissions, from 0; NULL if the
--     user is not compared
WITH seats AS (
    SELECT
        user_roles.company,
        user_roles.user_id,
        coalesce(
            min(user_roles.role_id) FILTER (user_roles.role_id = users.role_id),
            min(user_roles.role_id)
        ) AS role_id
    FROM user_roles
    INNER JOIN users
        ON user_roles.company = users.company AND user_roles.user_id = users.user_id
    WHERE
        user_roles.active
        AND user_roles.source = 'observed'
        AND user_roles.is_default IS NOT TRUE
    GROUP BY user_roles.company, user_roles.user_id
),

-- only the users are filtered by company; filtering the permissions of a million users would cost
-- more
holdings AS (
    SELECT
        flags.company,
        flags.user_id,
        CAST(
            bitstring_agg(permissions.code, 0, getvariable('compared_permissions') - 1) AS VARCHAR
        ) AS held,
        2 * count(flags.granted) < count(*) AS unknown
    FROM user_permissions AS flags
    INNER JOIN peers.compared_permissions AS permissions
        ON flags.permission = permissions.permission
    WHERE flags.granted IS NOT FALSE AND flags.source = 'observed'
    GROUP BY flags.company, flags.user_id
),

people AS (
    SELECT
        users.company,
        users.user_id,
        coalesce(seats.role_id, -1) AS role_id,
        coalesce(holdings.held, repeat('0', getvariable('compared_permissions'))) AS held,
        CASE
            WHEN users.admin THEN 'is an admin, who holds everything'
            WHEN users.admin IS NULL THEN 'not known whether an admin'
            WHEN users.permissions_source IS DISTINCT FROM 'observed' -- noqa: RF06
                THEN 'permissions not observed'
            WHEN holdings.unknown THEN 'permissions not known'
        END AS reason
    FROM users
    LEFT JOIN seats ON users.company = seats.company AND users.user_id = seats.user_id
    LEFT JOIN holdings ON users.company = holdings.company AND users.user_id = holdings.user_id
    WHERE users.live AND users.company IN (SELECT company FROM landing.batch)
)

SELECT
    company,
    user_id,
    role_id,
    held,
    reason,
    CASE
        WHEN reason IS NULL
            THEN dense_rank() OVER (
                PARTITION BY reason IS NULL
                ORDER BY company, role_id, held
            ) - 1
    END AS profile
FROM people
