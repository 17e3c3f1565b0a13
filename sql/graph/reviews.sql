-- One row per access review: the users with access in one snapshot, to be decided by reviewers.
--
-- kind: view
-- key: company, review_id
-- columns:
--   company: the company's name in the settings
--   review_id: the review
--   name: the name of the review
--   snapshot_id: the snapshot with the reviewed population
--   snapshot_at: when that snapshot was started
--   opened_at: when it was opened
--   opened_by: who opened it
--   due: the last day for decisions
--   population: how many users are reviewed
--   decided: for how many of them there is a decision
--   to_keep: how many users keep their access
--   to_revoke: how many users lose all access
--   to_change: how many users lose a part of their access
--   sha256: digest of the population as it was frozen
-- example: SELECT name, due, population, decided, to_revoke FROM reviews ORDER BY due DESC
SELECT
    reviews.company,
    reviews.review_id,
    reviews.name,
    reviews.snapshot_id,
    snapshots.started_at AS snapshot_at,
    reviews.opened_at,
    reviews.opened_by,
    reviews.due,
    count(items.row_id) AS population,
    count(items.decision) AS decided,
    count(*) FILTER (items.decision = 'keep') AS to_keep,
    count(*) FILTER (items.decision = 'revoke') AS to_revoke,
    count(*) FILTER (items.decision = 'change') AS to_change,
    reviews.sha256
FROM history.reviews AS reviews
LEFT JOIN history.snapshots AS snapshots USING (company, snapshot_id)
LEFT JOIN review_items AS items USING (company, review_id)
GROUP BY ALL
