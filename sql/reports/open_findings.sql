-- One row per snapshot of a company: how many findings were open after it.
--
-- kind: macro
-- parameters:
--   of_company: the company's name in the settings
-- columns:
--   position: the snapshot's position among those of the company
--   started_at: when the snapshot was started
--   findings: the open findings
SELECT
    position,
    started_at,
    CAST(sum(findings) AS BIGINT) AS findings
FROM finding_counts
INNER JOIN snapshots USING (company, snapshot_id)
WHERE company = of_company
    AND finding_counts.status = 'open'
GROUP BY position, started_at
