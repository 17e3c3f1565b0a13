-- One row per permission of a user of a company, with the reason why the user holds it or not.
-- The reasons are the same as in the macro `why`, which explains a single user.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   user_id: the user
--   permission: the permission's name
--   granted: whether the user holds it; NULL means not known
--   explanation: the reason, as a text
WITH held AS (
    -- a user in two roles has two rows per permission in that table
    SELECT
        user_id,
        permission,
        any_value(granted) AS granted,
        any_value(granted_by) AS granted_by,
        any_value(granted_by_admin) AS granted_by_admin
    FROM user_role_permissions
    WHERE company = of_company
    GROUP BY user_id, permission
),

set_labels AS (
    SELECT
        permission_set_id,
        coalesce(name, permission_set_id) AS label
    FROM permission_sets
    WHERE company = of_company
),

-- Many users share few distinct lists of granting sets.
granting_sets AS (
    SELECT
        granted_by,
        list(
            DISTINCT coalesce(label, permission_set_id)
            ORDER BY coalesce(label, permission_set_id)
        ) AS sets
    FROM (
        SELECT DISTINCT
            granted_by,
            unnest(granted_by) AS permission_set_id
        FROM held
    )
    LEFT JOIN set_labels USING (permission_set_id)
    GROUP BY granted_by
),

people AS (
    SELECT
        user_id,
        access_known AND access_given IS NOT FALSE AS access_known,
        permissions_observed_at,
        permissions_source
    FROM users
    WHERE company = of_company
)

SELECT
    user_id,
    held.permission,
    held.granted,
    CASE
        WHEN people.permissions_source IS NULL AND people.permissions_observed_at IS NULL
            THEN 'not known: this user''s permissions were never answered'
        WHEN people.permissions_source IS NULL
            THEN 'not known: the user''s access has changed since permissions were last answered'
        WHEN people.permissions_source = 'inferred' AND held.granted IS NULL
            THEN 'not known: users with the same access differ, and this user was not observed'
        WHEN held.granted IS NULL
            THEN 'not known: the answer for this user names it without a value'
        WHEN NOT held.granted AND granting_sets.sets IS NOT NULL
            THEN concat('not granted, although in ', array_to_string(granting_sets.sets, ', '))
        WHEN NOT held.granted
            THEN 'not granted'
        WHEN granting_sets.sets IS NOT NULL
            THEN concat(
                'granted by ',
                array_to_string(granting_sets.sets, ', '),
                CASE WHEN held.granted_by_admin THEN ', and to an admin' END
            )
        WHEN held.granted_by_admin
            THEN 'granted to an admin'
        WHEN held.granted_by IS NULL AND people.access_known
            THEN 'granted, source not known: the contents of a permission set are not known'
        WHEN held.granted_by IS NULL
            THEN 'granted, source not known: the user''s permission sets are not known'
        WHEN held.granted_by_admin IS NULL
            THEN 'granted by no permission set; whether the user is an admin is not known'
        ELSE 'unexplained: no permission set of the user grants it, and the user is not an admin'
    END AS explanation
FROM held
INNER JOIN people USING (user_id)
LEFT JOIN granting_sets USING (granted_by)
