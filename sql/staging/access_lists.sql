-- One row per different list of access entries in tonight's answers.
-- Users are many, different lists are few: each is read once.
--
-- key: received
-- columns:
--   received: the list as received
--   readable: whether it can be read, each of its entries whole
--   access: its entries (app, admin, permission_set_id), sorted; NULL where it cannot be read
SELECT
    received,
    readable,
    CASE
        WHEN readable THEN list_sort(
            list_distinct(
                list_transform(
                    CAST(CAST(received AS JSON) AS JSON[]),
                    lambda entry: {
                        'app': entry ->> '$.app',
                        'admin': as_flag(entry ->> '$.admin'),
                        -- an empty text and 0 name no set, like null
                        'permission_set_id': nullif(
                            nullif(trim(entry ->> '$.permission_set_id'), ''), '0'
                        )
                    }
                )
            )
        )
    END AS access
FROM (
    SELECT received, is_access(CAST(received AS JSON)) AS readable
    FROM (
        SELECT DISTINCT fields.access AS received
        FROM staging.user_records
        WHERE kinds.access = 'ARRAY'
    )
)
