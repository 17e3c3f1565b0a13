-- One row per assignment of a user to a role now, those of inactive users included.
-- The role may not exist: what dangles in Pipedrive is kept as it is. A user whose assignments were
-- never answered has no row either: see `users.roles_observed_at`.
--
-- kind: table
-- key: company, user_id, role_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: the role assigned
--   active: the assignment's own flag
--   is_default: whether it is the role that Pipedrive gives to who has no other: the one with id 1
--     and the name "(Unassigned users)"; NULL is not known
--   since: when this assignment was first seen as it is
SELECT
    assignments.company,
    assignments.user_id,
    assignments.role_id,
    assignments.active,
    assignments.role_id = 1 AND role_names.name = '(Unassigned users)' AS is_default,
    assignments.valid_from AS since
FROM user_roles_history AS assignments
LEFT JOIN roles_history AS role_names
    ON role_names.company = assignments.company
    AND role_names.role_id = assignments.role_id
    AND role_names.valid_to IS NULL
WHERE assignments.valid_to IS NULL
