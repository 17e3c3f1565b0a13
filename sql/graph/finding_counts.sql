-- One row per snapshot, status and severity: how many findings there were after that night.
-- Zeros are told too. What was decided by day, after the night, counts in the next snapshot.
--
-- kind: view
-- key: company, snapshot_id, status, severity
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot after which was counted
--   status: open, waived or resolved
--   severity: critical, high, medium, low or info
--   findings: how many findings there were of that status and severity
--   opened: how many of them became open, or open again, since the snapshot before
--   resolved: how many of them were resolved since the snapshot before
-- example: SELECT snapshot_id, severity, findings, opened FROM finding_counts WHERE status = 'open'
SELECT
    company,
    snapshot_id,
    status,
    severity,
    findings,
    opened,
    resolved
FROM history.finding_counts
