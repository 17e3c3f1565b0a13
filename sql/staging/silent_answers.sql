-- One row per user whose answer about permissions names none.
-- It counts as failed, unless the company's answers name only held permissions and answers about
-- other users name some.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the requested user
SELECT answered.company, answered.user_id
FROM staging.permissions_answered AS answered
SEMI JOIN (
    SELECT digest
    FROM staging.permission_answers
    WHERE len(flags) = 0
) AS empty_answers USING (digest)
ANTI JOIN (
    SELECT company
    FROM staging.named_permissions
    ANTI JOIN staging.denying_companies USING (company)
) AS naming USING (company)
WHERE answered.user_id IS NOT NULL
