-- One row per permission set now: what who has the set may do in one app.
-- Empty where Pipedrive offers no such list, or refuses it.
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
--   contents: the permissions that it grants, sorted; NULL is not known
--   assignment_count: how many users Pipedrive counts
-- example: SELECT name, app, type, len(contents) AS permissions FROM permission_sets ORDER BY
--   permissions DESC
SELECT
    versions.company,
    versions.permission_set_id,
    versions.name,
    versions.app,
    versions.type,
    versions.description,
    versions.contents,
    latest.assignment_count
FROM permission_sets_history AS versions
LEFT JOIN history.permission_sets_latest AS latest USING (company, permission_set_id)
WHERE versions.valid_to IS NULL
