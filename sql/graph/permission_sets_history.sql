-- One row per version of a permission set.
--
-- kind: view
-- key: company, permission_set_id, valid_from
-- columns:
--   company: the company's name in the settings
--   permission_set_id: Pipedrive's id of the set
--   name: the set's name
--   app: the app that it belongs to
--   type: admin, manager, regular or custom
--   description: the set's description
--   contents: the permissions that it grants, sorted; NULL means not known
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT name, contents, valid_from, valid_to FROM permission_sets_history ORDER BY
--   name, valid_from
SELECT
    company,
    permission_set_id,
    name,
    app,
    type,
    description,
    contents,
    valid_from,
    valid_to
FROM history.permission_sets
