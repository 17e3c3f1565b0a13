-- One row per value of the latest snapshot that is there and cannot be read as what it should be,
-- and per row of a list that has no readable id.
-- Such a value counts as not known, NULL, in every table.
--
-- kind: view
-- key: company, endpoint, subject_id, field
-- columns:
--   company: the company's name in the settings
--   endpoint: the path of the answer, such as users/{id}/permissions
--   subject_id: the user, role or set that it is about; NULL for a row of a list that cannot be
--     read
--   field: the name of the field, or of the permission; the place of a row that cannot be read
--   value: the value as received, its first 200 characters
-- example: SELECT endpoint, subject_id, field, value FROM unreadable_values
SELECT
    company,
    endpoint,
    subject_id,
    field,
    value
FROM history.unreadable_values
