-- One row per user whose answer about permissions names none.
-- It is no answer, unless the company's answers name only what is held, and those of others do.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user who was asked for
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
