-- One row per role and permission of a company for which members of the role have outlier findings.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   role_id: the role of an active assignment
--   permission: the permission's name
--   outliers: how many unresolved findings there are
SELECT
    user_roles.role_id,
    findings.object AS permission,
    count(*) AS outliers
FROM findings
INNER JOIN user_roles
    ON user_roles.company = findings.company
    AND CAST(user_roles.user_id AS VARCHAR) = findings.subject_id
WHERE findings.company = of_company
    AND findings.rule = 'permission_outlier'
    AND findings.status <> 'resolved'
    AND user_roles.active
GROUP BY user_roles.role_id, findings.object
