-- One row per version of a role, valid from `valid_from` until before `valid_to`.
--
-- kind: view
-- key: company, role_id, valid_from
-- columns:
--   company: the company's name in the settings
--   role_id: Pipedrive's id of the role
--   name: the role's name
--   parent_role_id: the role above it, as received; NULL or the role itself for a root
--   active: false for a deleted role; NULL means not known
--   description: the role's description
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
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
