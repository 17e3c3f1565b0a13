-- One row per company whose answers, now or earlier, explicitly deny permissions.
-- In these companies, a permission that an answer omits is not answered. If no answer ever denies a
-- permission, answers name only held permissions, and an omitted permission is not held.
--
-- key: company
-- columns:
--   company: the company's name in the settings
SELECT company
FROM staging.named_permissions
WHERE denied
UNION
SELECT company
FROM history.permission_names
WHERE denied
UNION
-- the history of an earlier version has no permission names yet
SELECT last.company
FROM history.user_permissions AS last
SEMI JOIN landing.batch USING (company)
ANTI JOIN history.permission_names USING (company)
WHERE last.granted IS FALSE AND last.valid_to IS NULL
