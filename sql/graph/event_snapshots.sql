-- One row per snapshot whose events may still be open: those of the last `event_open_days`.
-- A company's first snapshot has nothing to be compared with and is not among them.
--
-- kind: table
-- key: company, snapshot_id
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot that saw what had happened
--   read_at: when that read began
--   compared: that snapshot and the one before it, each with its id, time, status and way of
--     collecting; where one is partial, or by access, a user may have been answered earlier
-- example: SELECT snapshot_id, read_at FROM event_snapshots ORDER BY read_at DESC
WITH reads AS (
    SELECT
        company,
        snapshot_id,
        started_at,
        {
            'snapshot_id': snapshot_id,
            'read_at': started_at,
            'status': status,
            'collect': collect
        } AS told
    FROM snapshots
    WHERE status IN ('complete', 'partial')
),

linked_reads AS (
    SELECT
        *,
        lag(told) OVER (PARTITION BY company ORDER BY started_at) AS told_before
    FROM reads
)

SELECT
    company,
    linked_reads.snapshot_id,
    linked_reads.started_at AS read_at,
    {'before': linked_reads.told_before, 'after': linked_reads.told} AS compared
FROM linked_reads
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE linked_reads.told_before IS NOT NULL
    AND linked_reads.started_at
        >= current_snapshot.as_of - to_days(rule_thresholds.event_open_days)
