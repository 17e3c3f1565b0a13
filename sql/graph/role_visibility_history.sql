-- One row per version of a role's default visibility of one kind of item, as answered.
--
-- kind: view
-- key: company, role_id, item, valid_from
-- columns:
--   company: the company's name in the settings
--   role_id: the role
--   item: deal, lead, org (organization), person or product
--   value: 1, 3, 5 or 7, as Pipedrive gives it; NULL means not known
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT role_id, item, value, valid_from FROM role_visibility_history WHERE valid_to IS
--   NOT NULL ORDER BY valid_from
SELECT
    company,
    role_id,
    item,
    value,
    valid_from,
    valid_to
FROM history.role_visibility
