-- One row per version of a user's permission, as answered for that user; inferred values are not
-- stored.
-- A permission that an answer omitted has no row for that time: the user did not have it.
--
-- kind: view
-- key: company, user_id, permission, valid_from
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   granted: whether the user had it; NULL if the answer named it without a usable value
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT user_id, granted, valid_from, valid_to FROM user_permissions_history WHERE
--   permission = 'can_use_api'
SELECT
    company,
    user_id,
    permission,
    granted,
    valid_from,
    valid_to
FROM history.user_permissions
