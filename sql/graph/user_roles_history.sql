-- One row per version of a user's assignment to a role.
--
-- kind: view
-- key: company, user_id, role_id, valid_from
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: the assigned role, whether or not it exists
--   active: the assignment's own flag
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT user_id, role_id, valid_from, valid_to FROM user_roles_history ORDER BY
--   user_id, valid_from
SELECT
    company,
    user_id,
    role_id,
    active,
    valid_from,
    valid_to
FROM history.user_roles
