-- One row per finished snapshot of a company, accepted or rejected.
-- A partial snapshot is published; for calls that were not answered, earlier values are used.
--
-- kind: table
-- key: company, snapshot_id
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the name of the snapshot's folder in landing
--   position: its position in the company's chain of snapshots
--   started_at: when it was started; all its observations count as made at this time
--   finished_at: when the last response arrived
--   status: complete, partial (some calls were not answered) or rejected (not used)
--   collect: the collection mode: every-user or by-access
--   users: how many users it listed
--   roles: how many roles it listed
--   observed: how many users' permissions were answered
--   inferred: how many users' permissions were left to be inferred; 0 unless collected by access
--   requests: how many requests were sent, including retries
--   throttled: how many responses were 429
--   reason: why it is partial or rejected; NULL if it is complete
--   visibility: whether the run collected who can see what; NULL in rows of an earlier version
--   plan: the company's Pipedrive plan in the settings: lite, growth, premium or ultimate; NULL if
--     they do not name it
--   company_id: Pipedrive's id of the company
--   token_owner: the user whose token collected it; 0 if that person was forgotten
-- example: SELECT started_at, status, users, requests, throttled, reason FROM snapshots ORDER
--   BY started_at DESC
SELECT
    company,
    snapshot_id,
    position,
    started_at,
    finished_at,
    status,
    collect,
    users,
    roles,
    observed,
    inferred,
    requests,
    throttled,
    reason,
    visibility,
    plan,
    company_id,
    token_owner
FROM history.snapshots
