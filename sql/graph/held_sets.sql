-- One row per permission set in a user's `access` now, with the known attributes of the set.
-- An entry of `access` without a set has no row.
--
-- kind: view
-- published: no
-- key: company, user_id, app, permission_set_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user, who may be inactive
--   app: the app of the entry in `access`
--   permission_set_id: the permission set, which may not exist
--   name: the set's name; NULL if it has none or is not known
--   label: the set's name, or its id
--   type: the set's type; NULL means not known
--   grants: the permissions that the set grants; NULL means not known
--   grants_everything: whether it grants every permission of its app, including unlisted ones
SELECT
    company,
    entries.user_id,
    entries.app,
    entries.permission_set_id,
    permission_sets.name,
    coalesce(permission_sets.name, entries.permission_set_id) AS label,
    permission_sets.type,
    permission_sets.grants,
    permission_sets.grants_everything
FROM user_permission_sets AS entries
LEFT JOIN permission_sets USING (company, permission_set_id)
WHERE entries.permission_set_id IS NOT NULL
