-- One row per user whose whole answer about permissions is held back.
-- If Pipedrive itself takes permissions from all users, an answer without any granted permission is
-- not evidence about a user who cannot be compared: a new user, or one whose access changed too.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the requested user
SELECT answered.company, answered.user_id
FROM staging.permissions_answered AS answered
SEMI JOIN (
    FROM staging.vendor_changes
    WHERE change = 'revoked'
) AS revoked USING (company)
ANTI JOIN (
    FROM staging.comparable_users
    WHERE answered_before
) AS comparable USING (company, user_id)
ANTI JOIN (
    SELECT DISTINCT digest
    FROM staging.permission_answers
    WHERE len(list_filter(flags, lambda flag: flag.granted IS NOT FALSE)) > 0
) AS granting USING (digest)
