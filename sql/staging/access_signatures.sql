-- One row per user in the snapshot's answers: a digest of everything that should decide the user's
-- permissions.
-- Users with the same signature have the same apps, admin rights and permission sets, the sets have
-- the same contents, and the users have the same active and deleted flags.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   signature: the digest; NULL if the access, or whether the user is active, is not known
WITH contents AS (
    SELECT company, permission_set_id, contents
    FROM staging.permission_sets
    UNION ALL
    -- sets that are not listed in this snapshot keep their last known contents
    SELECT company, permission_set_id, contents
    FROM history.permission_sets AS last
    ANTI JOIN staging.permission_sets USING (company, permission_set_id)
    WHERE valid_to IS NULL
),

-- Many users share few distinct accesses, so each is evaluated once.
accesses AS (
    SELECT DISTINCT company, access, active, deleted
    FROM staging.users
    WHERE access IS NOT NULL AND active IS NOT NULL
),

-- the numbers must be the same wherever they are read
numbered AS MATERIALIZED (
    SELECT *, row_number() OVER () AS number
    FROM accesses
),

entries AS (
    SELECT company, number, unnest(access) AS entry
    FROM numbered
),

explained AS (
    SELECT
        entries.number,
        list_sort(list(to_json({
            'app': entry.app,
            'admin': entry.admin,
            'permission_set_id': entry.permission_set_id,
            'contents': contents.contents
        }))) AS access
    FROM entries
    LEFT JOIN contents
        ON
            contents.company = entries.company
            AND contents.permission_set_id = entry.permission_set_id
    GROUP BY entries.number
),

signatures AS (
    SELECT
        numbered.company,
        numbered.access,
        numbered.active,
        numbered.deleted,
        left(sha256(CAST(to_json({
            'access': explained.access, 'active': numbered.active, 'deleted': numbered.deleted
        }) AS VARCHAR)), 16) AS signature
    FROM numbered
    LEFT JOIN explained USING (number)
)

SELECT
    users.company,
    users.user_id,
    signatures.signature
FROM staging.users AS users
LEFT JOIN signatures
    ON
        signatures.company = users.company
        AND signatures.access = users.access
        AND signatures.active = users.active
        AND signatures.deleted IS NOT DISTINCT FROM users.deleted
