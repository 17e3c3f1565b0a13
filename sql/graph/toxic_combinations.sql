-- One row per toxic combination of permissions (which nobody should hold), clause, and permission
-- in the clause.
-- A user holds the combination by holding at least one permission of each clause. findings.toml
-- lists the combinations.
--
-- kind: table
-- key: company, combination, clause, permission
-- columns:
--   company: the company's name in the settings
--   combination: the combination's name, such as toxic_exfiltrate
--   severity: how bad it is: critical, high, medium, low or info
--   title: what a user who holds it can do
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
