-- One row per company of the batch, status and severity: how many findings there are after this
-- snapshot.
-- Counts of zero have rows too, so that charts have no gaps.
--
-- key: company, snapshot_id, status, severity
-- writes: history.finding_counts
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot after which the findings are counted
--   status: open, waived or resolved
--   severity: critical, high, medium, low or info
--   findings: how many findings with that status and severity there are
--   opened: how many of them became open, or open again, since the previous snapshot
--   resolved: how many of them were resolved since the previous snapshot
WITH evaluated AS (
    SELECT
        batch.company,
        batch.snapshot_id,
        max(earlier.started_at) AS started_before
    FROM landing.batch AS batch
    LEFT JOIN history.snapshots AS earlier
        ON
            batch.company = earlier.company
            AND earlier.status <> 'rejected'
            AND earlier.started_at < batch.as_of
    GROUP BY batch.company, batch.snapshot_id
),

counted AS (
    SELECT
        evaluated.company,
        findings.status,
        findings.severity,
        count(*) AS findings,
        count(*) FILTER (
            coalesce(findings.opened_at > evaluated.started_before, TRUE)
        ) AS opened,
        count(*) FILTER (
            coalesce(findings.resolved_at > evaluated.started_before, FALSE)
        ) AS resolved
    FROM history.findings AS findings
    INNER JOIN evaluated ON findings.company = evaluated.company
    GROUP BY evaluated.company, findings.status, findings.severity
)

SELECT
    evaluated.company,
    evaluated.snapshot_id,
    statuses.status,
    severities.severity,
    coalesce(counted.findings, 0) AS findings,
    coalesce(counted.opened, 0) AS opened,
    coalesce(counted.resolved, 0) AS resolved
FROM evaluated
CROSS JOIN (SELECT unnest(['open', 'waived', 'resolved']) AS status) AS statuses
CROSS JOIN (
    SELECT unnest(['critical', 'high', 'medium', 'low', 'info']) AS severity
) AS severities
LEFT JOIN counted
    ON
        evaluated.company = counted.company
        AND statuses.status = counted.status
        AND severities.severity = counted.severity
