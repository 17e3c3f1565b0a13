-- One row per permission set now: what users with the set may do in one app.
-- The table is empty if Pipedrive does not offer the list or refuses it. Pipedrive may list nothing
-- for a set of type admin, which holds every permission of its app: then `contents` is empty, as
-- received, and `grants` has the permissions of that app according to the other sets.
--
-- kind: table
-- key: company, permission_set_id
-- columns:
--   company: the company's name in the settings
--   permission_set_id: Pipedrive's id of the set
--   name: the set's name
--   app: the app that it belongs to
--   type: admin, manager, regular or custom
--   description: the set's description
--   contents: the permissions that Pipedrive lists for it, sorted; NULL means not known
--   grants: the permissions that it is known to grant, sorted; NULL means not known
--   grants_everything: whether it grants every permission of its app without listing them,
--     including ones that `grants` lacks; NULL means not known
--   assignment_count: how many users have it, as Pipedrive counts them
-- example: SELECT name, app, type, len(grants) AS permissions FROM permission_sets ORDER BY
--   permissions DESC
WITH sets AS (
    SELECT
        *,
        len(contents) = 0 AND type = 'admin' AS grants_everything
    FROM permission_sets_history
    WHERE valid_to IS NULL
),

app_permissions AS (
    SELECT
        company,
        app,
        list_sort(list_distinct(flatten(list(contents)))) AS permissions
    FROM sets
    WHERE app IS NOT NULL
        AND contents IS NOT NULL
    GROUP BY company, app
)

SELECT
    company,
    permission_set_id,
    sets.name,
    app,
    sets.type,
    sets.description,
    sets.contents,
    CASE
        WHEN sets.grants_everything
            THEN coalesce(app_permissions.permissions, CAST([] AS VARCHAR[]))
        -- nothing is listed, and the type that could explain it is not known
        WHEN sets.grants_everything IS NOT NULL THEN sets.contents
    END AS grants,
    sets.grants_everything,
    latest.assignment_count
FROM sets
LEFT JOIN app_permissions USING (company, app)
LEFT JOIN history.permission_sets_latest AS latest USING (company, permission_set_id)
