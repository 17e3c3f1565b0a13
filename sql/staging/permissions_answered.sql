-- One row per user whose permissions were answered tonight: which answer it was.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user who was asked for, who may no longer be there
--   digest: digest of the flags in the answer; NULL where there are none to be read
--   unchanged: whether the company's snapshot before had the same answer for this user, so that
--     the history need not be compared with it
SELECT
    answers.company,
    as_id(answers.asked.id) AS user_id,
    read_answers.digest,
    coalesce(read_answers.digest = last.digest, FALSE) AS unchanged
FROM landing.answers AS answers
LEFT JOIN staging.permission_answers AS read_answers USING (answer)
LEFT JOIN history.permission_answers AS last
    ON
        last.company = answers.company
        AND last.user_id = as_id(answers.asked.id)
WHERE answers.endpoint = 'users/{id}/permissions' AND answers.outcome = 'answered'
