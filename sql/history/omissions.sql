-- One row per snapshot in which Pipedrive omits permissions that it gave before; it is partial.
--
-- key: company, snapshot_id
-- writes: history.snapshots
-- columns:
--   company: the company's name in the settings
--   snapshot_id: the snapshot
--   sentence: how many permissions of how many users are missing
WITH counts AS (
    SELECT
        batch.company,
        batch.snapshot_id,
        count(*) AS permissions,
        count(DISTINCT omitted.user_id) AS users,
        min(omitted.permission) AS example
    FROM staging.unanswered_permissions AS omitted
    INNER JOIN landing.batch AS batch ON omitted.company = batch.company
    WHERE omitted.observed_at IS NOT NULL
    GROUP BY ALL
)

SELECT
    company,
    snapshot_id,
    concat(
        permissions,
        if(permissions = 1, ' permission of ', ' permissions of '),
        users,
        if(users = 1, ' user', ' users'),
        ' that Pipedrive gave before ',
        if(permissions = 1, 'is', 'are'),
        ' missing in its answers (see unanswered_permissions), such as ',
        example,
        '.'
    ) AS sentence
FROM counts
