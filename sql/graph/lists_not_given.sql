-- One row per list that Pipedrive did not give in the latest snapshot, and why.
-- What only that list says is as last known, or not known; rules that rest on it abstain.
--
-- kind: table
-- key: company, endpoint
-- columns:
--   company: the company's name in the settings
--   endpoint: the list: users, roles or permissionSets
--   outcome: refused (403), unoffered (there is no such list, 404) or failed
-- example: SELECT company, endpoint, outcome FROM lists_not_given
SELECT
    company,
    endpoint,
    outcome
FROM history.coverage
WHERE subject_id IS NULL
    AND endpoint IN ('users', 'roles', 'permissionSets')
    AND outcome <> 'answered'
