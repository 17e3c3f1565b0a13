-- One row per read of one company that was finished, whether it was accepted or rejected.
-- A snapshot that is partial was published, with what it did not see carried over from before.
--
-- kind: table
-- key: company, snapshot_id
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the name of the snapshot's folder in landing
--   position: its place in the company's chain of snapshots
--   started_at: when the read began; the time at which everything it saw counts as seen
--   finished_at: when the last answer was in
--   status: complete, partial (something was not answered) or rejected (not used)
--   collect: how it was collected: every-user or by-access
--   users: how many users it listed
--   roles: how many roles it listed
--   observed: how many users' permissions were answered
--   inferred: how many users' permissions were left to inference, 0 unless collected by access
--   requests: how many requests it took, retries included
--   throttled: how many of them were answered 429
--   reason: why it is partial or rejected, NULL when complete
--   company_id: Pipedrive's id of the company
--   token_owner: the user whose token collected it; 0 where that person was forgotten
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
    company_id,
    token_owner
FROM history.snapshots
