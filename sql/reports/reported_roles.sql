-- One row per role of a company, as the role tree of the access report shows it.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   role_id: the role
--   name: the role's name; NULL if it has none or is not known
--   label: the role's name, or its id
--   parent_role_id: the role above; NULL for a role at the top
--   active: whether the role is active; NULL means not known
--   members: the active users of the role
--   sensitive: the members who hold a sensitive permission
SELECT
    role_id,
    name,
    coalesce(name, 'role ' || role_id) AS label,
    parent_role_id,
    active,
    members,
    coalesce(holders, 0) AS sensitive
FROM roles
LEFT JOIN sensitive_holders(of_company) USING (role_id)
WHERE company = of_company
