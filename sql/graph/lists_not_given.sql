-- One row per list that the latest snapshot could not read, and why.
-- Values from such a list are as last known, or not known; rules that need the list abstain.
--
-- kind: table
-- key: company, endpoint
-- columns:
--   company: the company's name in the settings
--   endpoint: the list: users, roles, permissionSets, pipelines or legacyTeams
--   outcome: refused (403), unoffered (the list does not exist, 404) or failed
-- example: SELECT company, endpoint, outcome FROM lists_not_given
SELECT
    company,
    endpoint,
    outcome
FROM history.coverage
WHERE subject_id IS NULL
    AND endpoint IN ('users', 'roles', 'permissionSets', 'pipelines', 'legacyTeams')
    AND outcome <> 'answered'
