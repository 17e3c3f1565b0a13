-- One row per permission set in the snapshot's answers, as received, from the list or requested by
-- id.
-- Fields whose values contradict each other (`contradictions`) are left out. Rows without a
-- readable id are in `unreadable_rows`.
--
-- key: company, permission_set_id
-- columns:
--   company: the company's name in the settings
--   permission_set_id: Pipedrive's id of the set, a UUID
--   endpoint: path of the call that returned the record
--   record: the set as JSON; without contents if it comes from the list
--   detail: the set as JSON from the call by id, which has the contents; NULL if there is none
WITH details AS (
    SELECT
        company,
        asked.id AS permission_set_id,
        -- Pipedrive answers in three shapes: an object, a list with one element, or without an
        -- envelope
        CASE
            WHEN json_type(answer, '$.data') = 'ARRAY' THEN answer -> '$.data[0]'
            WHEN json_type(answer, '$.data') = 'OBJECT' THEN answer -> '$.data'
            ELSE answer
        END AS record
    FROM landing.answers
    WHERE endpoint = 'permissionSets/{id}' AND outcome = 'answered'
),

rows_listed AS (
    SELECT
        company,
        unnest(CAST(answer -> '$.data' AS JSON[])) AS record
    FROM landing.answers
    WHERE
        endpoint = 'permissionSets'
        AND outcome = 'answered'
        AND json_type(answer, '$.data') = 'ARRAY'
),

listed AS (
    SELECT
        rows_listed.company,
        as_text_id(json_type(record, '$.id'), record ->> '$.id') AS permission_set_id,
        any_value(
            CASE
                WHEN contradicted.patch IS NULL THEN record
                ELSE json_merge_patch(record, contradicted.patch)
            END
        ) AS record
    FROM rows_listed
    LEFT JOIN staging.contradicted_fields AS contradicted
        ON
            contradicted.company = rows_listed.company
            AND contradicted.endpoint = 'permissionSets'
            AND contradicted.subject_id
            = as_text_id(json_type(rows_listed.record, '$.id'), rows_listed.record ->> '$.id')
    WHERE as_text_id(json_type(record, '$.id'), record ->> '$.id') IS NOT NULL
    GROUP BY ALL
)

SELECT
    company,
    permission_set_id,
    -- sets that exist but are not listed
    CASE
        WHEN listed.record IS NULL THEN 'permissionSets/{id}' ELSE 'permissionSets'
    END AS endpoint,
    coalesce(listed.record, details.record) AS record,
    details.record AS detail
FROM listed
FULL JOIN details USING (company, permission_set_id)
