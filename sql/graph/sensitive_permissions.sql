-- One row per sensitive permission, as listed in findings.toml.
-- Such a permission lets a user export data, import much data, destroy data, or see hidden data.
--
-- kind: table
-- key: company, permission
-- columns:
--   company: the company's name in the settings
--   permission: the permission's name
-- example: SELECT permission FROM sensitive_permissions ORDER BY ALL
SELECT
    company,
    permission
FROM policy.sensitive_permissions
