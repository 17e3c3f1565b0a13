-- One row per combination of permissions that nobody should hold, clause, and permission in it.
-- Who holds a permission of each clause holds the combination. findings.toml says which there are.
--
-- kind: table
-- key: company, combination, clause, permission
-- columns:
--   company: the company's name in the settings
--   combination: the combination's name, such as toxic_exfiltrate
--   severity: how bad it is: critical, high, medium, low or info
--   title: what who holds it can do
--   clause: the number of the clause, from 1
--   permission: one of the permissions that satisfy the clause
-- example: SELECT combination, clause, list(permission) AS one_of FROM toxic_combinations
--   GROUP BY ALL ORDER BY ALL
SELECT
    company,
    combination,
    severity,
    title,
    clause,
    permission
FROM policy.combinations
