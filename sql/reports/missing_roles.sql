-- One row per role that users of a company are assigned to and that is not in the list of roles.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   role_id: the role
--   users: the users who are assigned to it
--   absent: whether the role is proven not to exist; otherwise it may just be missing from the list
SELECT
    role_id,
    count(DISTINCT assignments.user_id) AS users,
    bool_or(absent.subject_id IS NOT NULL) AS absent
FROM user_roles AS assignments
ANTI JOIN roles USING (company, role_id)
LEFT JOIN proven_absences AS absent
    ON absent.company = assignments.company
    AND absent.subject_kind = 'role'
    AND absent.subject_id = CAST(assignments.role_id AS VARCHAR)
WHERE assignments.company = of_company
GROUP BY role_id
