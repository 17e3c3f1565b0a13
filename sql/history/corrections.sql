-- One row per inferred permission of a user that an answer of this snapshot disproves, while the
-- user's access is the same as when it was inferred.
--
-- key: company, user_id, permission
-- writes: history.corrections
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   permission: the permission's name
--   corrected_at: the time of the snapshot
--   inferred: the inferred value
--   observed: the answered value
WITH disproved AS (
    SELECT
        batch.company,
        batch.as_of,
        before.user_id
    FROM history.access_signatures AS before
    INNER JOIN landing.batch AS batch ON before.company = batch.company
    INNER JOIN staging.access_signatures AS answered
        ON
            before.company = answered.company
            AND before.user_id = answered.user_id
            AND before.signature = answered.signature
    INNER JOIN staging.proven AS proven
        ON
            before.company = proven.company
            AND proven.history_table = 'user_permissions'
            AND CAST(before.user_id AS VARCHAR) = proven.subject_id
    INNER JOIN permission_sources AS sources
        ON before.company = sources.company AND before.user_id = sources.user_id
    WHERE sources.source = 'inferred'
),

inferred_flags AS (
    SELECT
        disproved.company,
        disproved.as_of,
        disproved.user_id,
        flags.permission,
        flags.granted
    FROM disproved
    INNER JOIN user_permissions AS flags
        ON disproved.company = flags.company AND disproved.user_id = flags.user_id
),

observed_flags AS (
    SELECT
        disproved.company,
        disproved.as_of,
        disproved.user_id,
        flags.permission,
        flags.granted
    FROM disproved
    INNER JOIN staging.user_permissions AS flags
        ON disproved.company = flags.company AND disproved.user_id = flags.user_id
),

-- a permission that the answer does not name is not granted
compared AS (
    SELECT
        company,
        user_id,
        permission,
        as_of AS corrected_at,
        if(before.permission IS NULL, FALSE, before.granted) AS inferred,
        if(answered.permission IS NULL, FALSE, answered.granted) AS observed
    FROM inferred_flags AS before
    FULL JOIN observed_flags AS answered USING (company, user_id, permission, as_of)
)

SELECT
    company,
    user_id,
    permission,
    corrected_at,
    inferred,
    observed
FROM compared
WHERE inferred <> observed
