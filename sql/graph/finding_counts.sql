-- One row per snapshot, status and severity: how many findings there were after the snapshot.
-- Counts of zero have rows too. A decision made after a snapshot counts in the next one.
--
-- kind: view
-- key: company, snapshot_id, status, severity
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot after which the findings were counted
--   status: open, waived or resolved
--   severity: critical, high, medium, low or info
--   findings: how many findings with that status and severity there were
--   opened: how many of them became open, or open again, since the previous snapshot
--   resolved: how many of them were resolved since the previous snapshot
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
