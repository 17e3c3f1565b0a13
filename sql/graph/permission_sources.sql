-- One row per user now: the source of what is known about the user's permissions.
-- They are observed if they were answered for this user, under the access that the user still has.
-- In a snapshot collected by access, other users' permissions are inferred from users with the same
-- access signature: the same apps, admin rights and permission sets, with the same contents, and
-- the same active and deleted flags.
--
-- kind: table
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   signature: the user's access signature; NULL if the user's access is not known
--   source: observed or inferred; NULL if neither is possible
--   observed_at: when the user's permissions were last answered; NULL means never
--   inferred_from: how many users of the same signature were observed; NULL unless inferred
-- example: SELECT source, count(*) AS users FROM permission_sources GROUP BY ALL
WITH accounts AS (
    SELECT
        company,
        user_id
    FROM users_history
    WHERE valid_to IS NULL

    UNION

    -- keep references to sets that do not exist
    SELECT
        company,
        user_id
    FROM user_permissions_history
    WHERE valid_to IS NULL
),

signatures AS (
    SELECT
        accounts.company,
        accounts.user_id,
        signatures.signature,
        observations.signature AS observed_signature,
        observations.last_at AS observed_at,
        coalesce(snapshots.collect = 'by-access', FALSE) AS by_access,
        observations.last_at IS NOT NULL
            AND observations.signature IS NOT DISTINCT FROM signatures.signature AS holds
    FROM accounts
    LEFT JOIN current_snapshot USING (company)
    LEFT JOIN snapshots USING (company, snapshot_id)
    LEFT JOIN history.access_signatures AS signatures USING (company, user_id)
    LEFT JOIN history.observations AS observations
        ON observations.company = accounts.company
        AND observations.history_table = 'user_permissions'
        AND observations.subject_id = CAST(accounts.user_id AS VARCHAR)
),

samples AS (
    SELECT
        company,
        signature,
        count(*) AS observed_users
    FROM signatures
    WHERE holds
        AND signature IS NOT NULL
    GROUP BY company, signature
)

SELECT
    signatures.company,
    signatures.user_id,
    signatures.signature,
    CASE
        WHEN signatures.holds THEN 'observed'
        WHEN signatures.by_access AND samples.observed_users IS NOT NULL
            THEN 'inferred'
    END AS source,
    signatures.observed_at,
    CASE
        WHEN signatures.by_access AND NOT signatures.holds THEN samples.observed_users
    END AS inferred_from
FROM signatures
LEFT JOIN samples
    ON samples.company = signatures.company
    AND samples.signature = signatures.signature
