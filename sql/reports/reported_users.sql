-- One row per user of a company, as the access report shows people.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   user_id: the user
--   name: the user's name
--   email: the user's e-mail address
--   state: whether the user can sign in: 0 yes, 1 deactivated, 2 deleted, 3 not known
--   admin: whether the user is an admin of any app; NULL means not known
--   access_known: whether the user's access is known
--   permissions_source: observed or inferred; NULL if no permission is known
--   permissions_observed_at: when the permissions were last answered
--   last_login: when the user last signed in
--   login_known: whether that is known
--   created: when the user was created
--   access: each app as a list of its name, the permission set and the admin flag; NULL if none
--   seats: each role as a list of its id, whether the assignment is active, and its source; NULL
--     if none
WITH accesses AS (
    SELECT
        user_id,
        list(
            [app, permission_set_id, CAST(admin AS VARCHAR)] ORDER BY app, permission_set_id
        ) AS access
    FROM user_permission_sets
    WHERE company = of_company
    GROUP BY user_id
),

seats AS (
    SELECT
        user_id,
        list(
            [CAST(role_id AS VARCHAR), CAST(active AS VARCHAR), source] ORDER BY role_id
        ) AS seats
    FROM user_roles
    WHERE company = of_company
    GROUP BY user_id
)

SELECT
    user_id,
    users.name,
    users.email,
    CASE
        WHEN users.deleted THEN 2
        WHEN NOT users.active THEN 1
        WHEN users.live THEN 0
        ELSE 3
    END AS state,
    users.admin,
    users.access_known,
    users.permissions_source,
    users.permissions_observed_at,
    users.last_login,
    users.login_known,
    users.created,
    accesses.access,
    seats.seats
FROM users
LEFT JOIN accesses USING (user_id)
LEFT JOIN seats USING (user_id)
WHERE users.company = of_company
