-- One row per user in tonight's answers: what decides which permissions the user should hold.
-- Users with the same signature have the same apps, admin rights and permission sets, the sets the
-- same contents, and are active and deleted alike.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   signature: a digest of all that; NULL where the access, or whether the user is active, is not
--     known
WITH contents AS (
    SELECT company, permission_set_id, contents
    FROM staging.permission_sets
    UNION ALL
    -- not listed tonight: as last known
    SELECT company, permission_set_id, contents
    FROM history.permission_sets AS last
    ANTI JOIN staging.permission_sets USING (company, permission_set_id)
    WHERE valid_to IS NULL
),

-- Users are many, their different accesses few: each is looked at once.
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
