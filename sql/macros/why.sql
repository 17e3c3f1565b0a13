-- One row per user and role: why, or why not, a user holds a permission: why('ana@example.com',
-- 'can_use_api').
-- A user in two roles has two rows, which differ in the role only. If two users have the same
-- address, both are included. An unknown person or permission is an error that suggests the most
-- similar one.
--
-- kind: macro
-- parameters:
--   person: the user's e-mail address, in any case, or the user's id
--   flag: the permission's name
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   name: the user's name
--   email: the user's e-mail address
--   live: active and not deleted
--   role: the role of an active assignment; NULL if the user has none
--   permission: the permission
--   granted: whether the user holds it; NULL means not known
--   explanation: the reason, as a text
--   sets: the user's permission sets that are known to grant it, sorted by name
--   admin: whether the user is an admin of any app
--   role_share: the share of the role's members who hold it
--   since: when the present value was first seen; NULL if no answer names the permission
--   observed_at: when the user's permissions were last answered; NULL means never
--   source: observed (answered for this user) or inferred (from users with the same access); NULL
--     if neither
-- example: SELECT granted, explanation FROM why('ana@example.com', 'can_use_api')
WITH people AS (
    SELECT
        company,
        user_id,
        name,
        email,
        live,
        admin,
        access_known AND access_given IS NOT FALSE AS access_known,
        permissions_observed_at,
        permissions_source
    FROM users
    WHERE lower(email) = lower(CAST(person AS VARCHAR))
        OR CAST(user_id AS VARCHAR) = CAST(person AS VARCHAR)
),

answers AS (
    SELECT
        company,
        user_id,
        user_role_permissions.role_id,
        user_role_permissions.granted,
        user_role_permissions.granted_by,
        user_role_permissions.granted_by_admin,
        user_role_permissions.role_share
    FROM user_role_permissions
    SEMI JOIN people USING (company, user_id)
    WHERE user_role_permissions.permission = flag
),

granting_sets AS (
    SELECT
        company,
        entries.user_id,
        list(
            DISTINCT coalesce(permission_sets.name, entries.permission_set_id)
            ORDER BY coalesce(permission_sets.name, entries.permission_set_id)
        ) AS sets
    FROM (
        SELECT
            company,
            user_id,
            unnest(granted_by) AS permission_set_id
        FROM answers
    ) AS entries
    LEFT JOIN permission_sets USING (company, permission_set_id)
    GROUP BY company, entries.user_id
),

memberships AS (
    SELECT
        company,
        user_id,
        role_id
    FROM user_roles
    WHERE active
),

problems AS (
    SELECT message FROM no_such_user(person)

    UNION ALL

    -- if both names are wrong, report the person only
    SELECT message FROM no_such_permission(flag)
    WHERE EXISTS (SELECT 1 FROM people)
)

SELECT
    people.company,
    people.user_id,
    people.name,
    people.email,
    people.live,
    coalesce(roles.name, CAST(memberships.role_id AS VARCHAR)) AS role,
    CAST(flag AS VARCHAR) AS permission,
    CASE
        WHEN answers.user_id IS NOT NULL THEN answers.granted
        -- a permission that an answer omits is not granted
        WHEN people.permissions_source IS NOT NULL THEN FALSE
    END AS granted,
    CASE
        WHEN people.permissions_source IS NULL AND people.permissions_observed_at IS NULL
            THEN 'not known: this user''s permissions were never answered'
        WHEN people.permissions_source IS NULL
            THEN 'not known: the user''s access has changed since permissions were last answered'
        WHEN people.permissions_source = 'inferred' AND answers.user_id IS NULL
            THEN 'not granted: no answer for a user with the same access names it'
        WHEN people.permissions_source = 'inferred' AND answers.granted IS NULL
            THEN 'not known: users with the same access differ, and this user was not observed'
        WHEN answers.user_id IS NULL
            THEN 'not granted: the answer for this user does not name it'
        WHEN answers.granted IS NULL
            THEN 'not known: the answer for this user names it without a value'
        WHEN NOT answers.granted AND granting_sets.sets IS NOT NULL
            THEN concat('not granted, although in ', array_to_string(granting_sets.sets, ', '))
        WHEN NOT answers.granted
            THEN 'not granted'
        WHEN granting_sets.sets IS NOT NULL
            THEN concat(
                'granted by ',
                array_to_string(granting_sets.sets, ', '),
                CASE WHEN answers.granted_by_admin THEN ', and to an admin' END
            )
        WHEN answers.granted_by_admin
            THEN 'granted to an admin'
        WHEN answers.granted_by IS NULL AND people.access_known
            THEN 'granted, source not known: the contents of a permission set are not known'
        WHEN answers.granted_by IS NULL
            THEN 'granted, source not known: the user''s permission sets are not known'
        WHEN answers.granted_by_admin IS NULL
            THEN 'granted by no permission set; whether the user is an admin is not known'
        ELSE 'unexplained: no permission set of the user grants it, and the user is not an admin'
    END AS explanation,
    coalesce(granting_sets.sets, []) AS sets,
    people.admin,
    answers.role_share,
    user_permissions.since,
    people.permissions_observed_at AS observed_at,
    people.permissions_source AS source
FROM people
LEFT JOIN memberships
    ON memberships.company = people.company
    AND memberships.user_id = people.user_id
LEFT JOIN answers
    ON answers.company = people.company
    AND answers.user_id = people.user_id
    AND answers.role_id IS NOT DISTINCT FROM memberships.role_id
LEFT JOIN roles
    ON roles.company = memberships.company
    AND roles.role_id = memberships.role_id
LEFT JOIN granting_sets
    ON granting_sets.company = people.company
    AND granting_sets.user_id = people.user_id
LEFT JOIN user_permissions
    ON user_permissions.company = people.company
    AND user_permissions.user_id = people.user_id
    AND user_permissions.permission = flag

UNION ALL

-- every column raises the error, so that no filter can skip it
SELECT
    error(message) AS company,
    error(message) AS user_id,
    error(message) AS name,
    error(message) AS email,
    error(message) AS live,
    error(message) AS role,
    error(message) AS permission,
    error(message) AS granted,
    error(message) AS explanation,
    error(message) AS sets,
    error(message) AS admin,
    error(message) AS role_share,
    error(message) AS since,
    error(message) AS observed_at,
    error(message) AS source
FROM problems
WHERE error(message) IS NOT NULL
ORDER BY company, user_id, role
