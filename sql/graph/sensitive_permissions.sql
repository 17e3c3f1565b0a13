-- One row per permission that is sensitive: it takes data out, brings much in, destroys, or shows
-- what is hidden. Which ones are, findings.toml says.
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
