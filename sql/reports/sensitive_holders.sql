-- One row per role of a company with a live member who holds a sensitive permission.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   role_id: the role of an active assignment
--   holders: how many of its live members hold such a permission
SELECT
    user_roles.role_id,
    count(DISTINCT user_id) AS holders
FROM user_roles
INNER JOIN users USING (company, user_id)
INNER JOIN user_permissions USING (company, user_id)
SEMI JOIN sensitive_permissions USING (company, permission)
WHERE company = of_company
    AND user_roles.active
    AND users.live
    AND user_permissions.granted
GROUP BY user_roles.role_id
