-- One row per distinct list of access entries in the snapshot's answers.
-- Many users share few distinct lists, so each is parsed once.
--
-- key: received
-- columns:
--   received: the list as received
--   readable: whether every entry of the list can be read
--   access: its entries (app, admin, permission_set_id), sorted; NULL if it cannot be read
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
                        -- an empty text and 0 mean no set, like null
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
