-- One row per company whose answers name what a user does not hold, now or earlier.
-- There a permission that an answer leaves out is not answered. Where no answer ever says that a
-- permission is not held, only what is held is named, and what is left out is not held.
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
-- the history of an earlier version has no names yet
SELECT last.company
FROM history.user_permissions AS last
SEMI JOIN landing.batch USING (company)
ANTI JOIN history.permission_names USING (company)
WHERE last.granted IS FALSE AND last.valid_to IS NULL
