-- One row per version of a role: what was true from `valid_from` until before `valid_to`.
--
-- kind: view
-- key: company, role_id, valid_from
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   name: the role's name
--   parent_role_id: the role above it as received; a root has none, or itself
--   active: false is a deleted role; NULL is not known
--   description: the role's description
--   valid_from: from when on we saw it so
--   valid_to: when it was first seen otherwise or gone; NULL is still so
-- example: SELECT role_id, name, parent_role_id, valid_from FROM roles_history WHERE valid_to
--   IS NOT NULL
SELECT
    company,
    role_id,
    name,
    parent_role_id,
    active,
    description,
    valid_from,
    valid_to
FROM history.roles
