-- One row per snapshot whose events may still be open: the snapshots of the last `event_open_days`.
-- A company's first snapshot has nothing to compare with and is not included.
--
-- kind: table
-- key: company, snapshot_id
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot that observed the events
--   read_at: when that snapshot was started
--   compared: that snapshot and the one before it, each with its id, time, status and collection
--     mode; if one of them is partial or collected by access, the answer about a user may be older
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
        } AS summary
    FROM snapshots
    WHERE status IN ('complete', 'partial')
),

linked_reads AS (
    SELECT
        *,
        lag(summary) OVER (PARTITION BY company ORDER BY started_at) AS summary_before
    FROM reads
)

SELECT
    company,
    linked_reads.snapshot_id,
    linked_reads.started_at AS read_at,
    {'before': linked_reads.summary_before, 'after': linked_reads.summary} AS compared
FROM linked_reads
INNER JOIN current_snapshot USING (company)
INNER JOIN rule_thresholds USING (company)
WHERE linked_reads.summary_before IS NOT NULL
    AND linked_reads.started_at
        >= current_snapshot.as_of - to_days(rule_thresholds.event_open_days)
