-- One row per user whose answer about permissions was applied as a whole, with a digest of it.
-- The next answer with the same digest need not be compared. Answers with held-back or omitted
-- values were not applied as a whole, so the next answer must be compared even if it is the same.
--
-- key: company, user_id
-- writes: history.permission_answers
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   digest: digest of the flags in the answer
SELECT
    company,
    user_id,
    digest
FROM staging.permissions_answered
SEMI JOIN staging.users USING (company, user_id)
ANTI JOIN (
    FROM staging.vendor_changes
    WHERE held
) AS held USING (company, user_id)
ANTI JOIN staging.held_answers USING (company, user_id)
ANTI JOIN (
    FROM staging.unanswered_permissions
    WHERE observed_at IS NOT NULL
) AS left_out USING (company, user_id)
WHERE digest IS NOT NULL
