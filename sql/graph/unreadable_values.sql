-- One row per value of the latest snapshot that is present but malformed, and per row of a list
-- without a readable id.
-- Such a value counts as not known in every table.
--
-- kind: view
-- key: company, endpoint, subject_id, field
-- columns:
--   company: the company's name in the settings
--   endpoint: the path of the answer, such as users/{id}/permissions
--   subject_id: the user, role or set that the value belongs to; NULL for an unreadable row of a
--     list
--   field: the name of the field, or of the permission; for an unreadable row, its position
--   value: the value as received, cut to 200 characters
-- example: SELECT endpoint, subject_id, field, value FROM unreadable_values
SELECT
    company,
    endpoint,
    subject_id,
    field,
    value
FROM history.unreadable_values
