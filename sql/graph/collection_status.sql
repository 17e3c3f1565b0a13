-- One row per company of which a snapshot was accepted: whether it is still collected.
-- A company that companies.toml no longer names stays as it was seen last, until `forget --company`
-- deletes it.
--
-- kind: view
-- key: company
-- columns:
--   company: the company's name in the settings
--   collected: whether companies.toml named it when the last snapshot of any company was taken
--     in; NULL where there was no companies.toml, or an earlier version took it in
--   snapshots: how many accepted snapshots are kept
--   first_snapshot_at: when the oldest of them was begun
--   last_snapshot_at: when the newest of them was begun
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
