-- One row per role and sensitive permission that findings.toml allows to the role's members.
-- The file names a role by its id (a number) or by its name; an entry for a role that does not
-- exist has no effect. A name means the roles that had this name when they were first seen. A role
-- that got the name later (see `renames`) is allowed nothing until the file names it by its id.
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
    AND CASE
        -- the name of a role may look like the id of another one
        WHEN regexp_full_match(allowed.role, '[0-9]+')
            THEN CAST(roles.role_id AS VARCHAR) = allowed.role
        ELSE lower(roles.name) = lower(allowed.role)
    END
LEFT JOIN renames
    ON renames.company = roles.company
    AND renames.subject_kind = 'role'
    AND renames.subject_id = CAST(roles.role_id AS VARCHAR)
WHERE renames.company IS NULL
    OR regexp_full_match(allowed.role, '[0-9]+')
