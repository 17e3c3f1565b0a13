-- One row per user whose permissions were answered in this snapshot, with a digest of the answer.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the requested user, who may no longer exist
--   digest: digest of the flags in the answer; NULL if it has no readable flags
--   unchanged: whether the previous snapshot had the same answer for this user, so that it need not
--     be compared with the history
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
