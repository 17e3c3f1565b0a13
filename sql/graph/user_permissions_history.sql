-- One row per version of a user's permission, as answered for that user; inferences are not kept.
-- A permission that an answer left out has no row for that time: the user did not have it.
--
-- kind: view
-- key: company, user_id, permission, valid_from
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   granted: whether the user had it; NULL is named in the answer without a usable value
--   valid_from: from when on we saw it so
--   valid_to: when it was first seen otherwise or gone; NULL is still so
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
