-- One row per permission that exists after this snapshot.
--
-- key: company, permission
-- writes: history.permission_names
-- columns:
--   company: the company's name in the settings
--   permission: the permission's name
--   denied: whether an answer ever said that a user does not hold it
--   named_at: the as-of time of the last snapshot with an answer that names it
--   missing: in how many full snapshots in a row no answer named it
SELECT
    company,
    permission,
    denied,
    named_at,
    missing
FROM staging.permission_names
WHERE NOT leaves
