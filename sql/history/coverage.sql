-- One row per call of the snapshot, with its outcome as the history stores it.
-- An answer about permissions that was held back was not applied, so its outcome is `held`.
--
-- key: company, endpoint, subject_id
-- writes: history.coverage
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the call, such as users/{id}/permissions
--   subject_id: the id in the path; NULL for a list
--   outcome: answered, gone, refused, failed, unoffered or held
SELECT
    coverage.company,
    coverage.endpoint,
    coverage.subject_id,
    if(held.user_id IS NULL, coverage.outcome, 'held') AS outcome
FROM staging.coverage AS coverage
LEFT JOIN staging.held_answers AS held
    ON
        coverage.endpoint = 'users/{id}/permissions'
        AND coverage.company = held.company
        AND coverage.subject_id = CAST(held.user_id AS VARCHAR)
