-- One row per company: its latest accepted snapshot, which all other tables show.
-- Rules measure ages relative to its `as_of`, never to the clock.
--
-- kind: table
-- key: company
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot
--   as_of: when the snapshot was started; "now" in all other tables
--   status: complete, or partial if some calls were not answered and earlier values are used
--   visibility: whether the run collected who can see what
--   plan: the company's Pipedrive plan in the settings: lite, growth, premium or ultimate; NULL if
--     they do not name it
--   company_id: Pipedrive's id of the company
--   token_owner: the user whose token collected it; 0 if that person was forgotten
-- example: SELECT company, as_of, status FROM current_snapshot
SELECT
    company,
    snapshot_id,
    started_at AS as_of,
    status,
    visibility IS TRUE AS visibility,
    plan,
    company_id,
    token_owner
FROM snapshots
WHERE status IN ('complete', 'partial')
QUALIFY row_number() OVER (
    PARTITION BY company
    ORDER BY position DESC NULLS LAST, started_at DESC, snapshot_id DESC
) = 1
