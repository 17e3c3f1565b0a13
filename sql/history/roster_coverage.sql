-- One row per user and question that the roster answers.
-- It answers whether the person should still have an account for users with a usable row, and for
-- users with open findings whose account can no longer sign in. The expected role is answered
-- separately: rows with the same status may contradict each other in it, and then the row that is
-- used names none.
--
-- key: company, endpoint, subject_id
-- writes: history.coverage
-- columns:
--   company: the company's name in the settings
--   endpoint: roster/{id} or roster/{id}/expectedRole
--   subject_id: the user
--   outcome: answered
SELECT DISTINCT
    users.company,
    asked.endpoint,
    CAST(users.user_id AS VARCHAR) AS subject_id,
    'answered' AS outcome
FROM history.users AS users
SEMI JOIN landing.batch USING (company)
CROSS JOIN (VALUES ('roster/{id}'), ('roster/{id}/expectedRole')) AS asked (endpoint)
LEFT JOIN history.user_addresses AS addresses
    ON users.company = addresses.company AND users.user_id = addresses.user_id
LEFT JOIN policy.roster AS used
    ON
        users.company = used.company
        AND addresses.address = used.email
        AND used.problem IS NULL
LEFT JOIN policy.roster AS repeated
    ON
        asked.endpoint = 'roster/{id}/expectedRole'
        AND used.company = repeated.company
        AND used.email = repeated.email
        AND repeated.expected_role IS NOT NULL
        AND used.expected_role IS NULL
LEFT JOIN history.findings AS findings
    ON
        users.company = findings.company
        AND findings.subject_kind = 'user'
        AND findings.subject_id = CAST(users.user_id AS VARCHAR)
        AND findings.status <> 'resolved'
WHERE users.valid_to IS NULL
    AND (
        (used.email IS NOT NULL AND repeated.email IS NULL)
        OR (findings.finding_id IS NOT NULL AND (NOT users.active OR users.deleted))
    )
