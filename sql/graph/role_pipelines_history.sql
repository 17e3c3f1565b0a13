-- One row per version of the list of pipelines that are hidden from a role, as answered.
--
-- kind: view
-- key: company, role_id, valid_from
-- columns:
--   company: the company's name in the settings
--   role_id: the role
--   hidden: the ids of the pipelines that the role's members do not see, sorted
--   valid_from: when this version was first seen
--   valid_to: when another version, or the end, was first seen; NULL means current
-- example: SELECT role_id, hidden, valid_from FROM role_pipelines_history ORDER BY ALL
SELECT
    company,
    role_id,
    hidden,
    valid_from,
    valid_to
FROM history.role_pipelines
