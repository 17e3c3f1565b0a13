-- One row per role and sensitive permission that its members may hold, as findings.toml says.
-- The file names a role by its name or by its id; a role that there is not allows nothing.
--
-- kind: table
-- key: company, role_id, permission
-- columns:
--   company: the company's name in the settings
--   role_id: the role
--   permission: the permission's name
-- example: FROM allowed_permissions ORDER BY role_id, permission
SELECT DISTINCT
    allowed.company,
    roles.role_id,
    allowed.permission
FROM policy.allowed_permissions AS allowed
INNER JOIN roles
    ON roles.company = allowed.company
    AND (
        lower(roles.name) = lower(allowed.role)
        OR CAST(roles.role_id AS VARCHAR) = allowed.role
    )
