-- One row per user in tonight's answers: what decides which permissions the user should hold.
-- Users with the same signature have the same apps, admin rights and permission sets, the sets the
-- same contents, and are active and deleted alike.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   signature: a digest of all that; NULL where the access, or whether the user is active, is not known
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

entries AS (
    SELECT company, user_id, unnest(access) AS entry
    FROM staging.users
),

accesses AS (
    SELECT
        entries.company,
        entries.user_id,
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
    GROUP BY entries.company, entries.user_id
)

SELECT
    users.company,
    users.user_id,
    CASE
        WHEN users.access IS NOT NULL AND users.active IS NOT NULL
            THEN left(sha256(CAST(to_json({
                'access': accesses.access, 'active': users.active, 'deleted': users.deleted
            }) AS VARCHAR)), 16)
    END AS signature
FROM staging.users AS users
LEFT JOIN accesses USING (company, user_id)
