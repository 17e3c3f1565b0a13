-- One row per active role assignment of a user now, with the role's name.
--
-- kind: view
-- published: no
-- key: company, user_id, role_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user, who may be inactive
--   role_id: the role, which may not exist
--   name: the role's name; NULL where it has none or is not known
--   label: the role's name, else its id
--   is_default: whether it is the role that Pipedrive gives to a user without another one; NULL is
--     not known
--   source: observed or inferred, as in `user_roles`
--   since: when this assignment was first seen as it is; NULL where it is inferred
SELECT
    company,
    user_roles.user_id,
    role_id,
    roles.name,
    coalesce(roles.name, CAST(role_id AS VARCHAR)) AS label,
    user_roles.is_default,
    user_roles.source,
    user_roles.since
FROM user_roles
LEFT JOIN roles USING (company, role_id)
WHERE user_roles.active
