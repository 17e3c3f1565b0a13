-- One row per active role assignment of a user now, with the role's name.
--
-- kind: view
-- published: no
-- key: company, user_id, role_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user, who may be inactive
--   role_id: the role, which may not exist
--   name: the role's name; NULL if it has none or is not known
--   label: the role's name, or its id
--   is_default: whether it is Pipedrive's default role, which users without another role have; NULL
--     means not known
--   source: observed or inferred, as in `user_roles`
--   since: when this assignment was first seen in its present form; NULL if it is inferred
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
