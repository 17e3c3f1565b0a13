-- One row per user and permission that was held at a moment: access_at('2026-11-01').
-- A day is its first moment, 00:00 UTC. What counts is what had been seen by then; before the first
-- snapshot nothing had. What was only inferred then is not here.
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
--   roles: the roles of the user's active assignments then, sorted
--   permission: the permission
--   since: when it was first seen
WITH people AS (
    SELECT
        company,
        user_id,
        name,
        email,
        active
    FROM users_history
    WHERE valid_from <= CAST(moment AS TIMESTAMP)
        AND (valid_to IS NULL OR valid_to > CAST(moment AS TIMESTAMP))
),

role_names AS (
    SELECT
        company,
        role_id,
        name
    FROM roles_history
    WHERE valid_from <= CAST(moment AS TIMESTAMP)
        AND (valid_to IS NULL OR valid_to > CAST(moment AS TIMESTAMP))
),

memberships AS (
    SELECT
        company,
        user_roles_history.user_id,
        list(coalesce(role_names.name, CAST(role_id AS VARCHAR)) ORDER BY role_id) AS roles
    FROM user_roles_history
    LEFT JOIN role_names USING (company, role_id)
    WHERE user_roles_history.active
        AND user_roles_history.valid_from <= CAST(moment AS TIMESTAMP)
        AND (
            user_roles_history.valid_to IS NULL
            OR user_roles_history.valid_to > CAST(moment AS TIMESTAMP)
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
        AND valid_from <= CAST(moment AS TIMESTAMP)
        AND (valid_to IS NULL OR valid_to > CAST(moment AS TIMESTAMP))
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
