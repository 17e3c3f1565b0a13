-- One row per company with an accepted snapshot: whether it is still collected.
-- A company that companies.toml no longer names stays as it was last seen until `forget --company`
-- deletes it.
--
-- kind: view
-- key: company
-- columns:
--   company: the company's name in the settings
--   collected: whether companies.toml named it when the last snapshot of any company was processed;
--     NULL without a companies.toml, or if an earlier version processed that snapshot
--   snapshots: how many accepted snapshots are kept
--   first_snapshot_at: when the oldest of them was started
--   last_snapshot_at: when the newest of them was started
-- example: SELECT company, collected, last_snapshot_at FROM collection_status ORDER BY ALL
SELECT
    snapshots.company,
    CASE
        WHEN (SELECT count(*) FROM policy.collected_companies) > 0
            THEN bool_or(collected.company IS NOT NULL)
    END AS collected,
    count(*) AS snapshots,
    min(snapshots.started_at) AS first_snapshot_at,
    max(snapshots.started_at) AS last_snapshot_at
FROM snapshots
LEFT JOIN policy.collected_companies AS collected
    ON collected.company = snapshots.company
WHERE snapshots.status IN ('complete', 'partial')
GROUP BY snapshots.company
