-- One row per permission set in tonight's answers, typed.
-- Contents that were not answered tonight stay as last known; never answered, they are NULL.
--
-- key: company, permission_set_id
-- columns:
--   company: the company's name in the settings
--   permission_set_id: Pipedrive's id of the set, a UUID
--   name: name of the set
--   app: the app that it is for
--   type: admin, manager, regular or custom
--   description: description of the set
--   contents: the flags that it grants, sorted; NULL = unknown
--   assignment_count: users who have it, as Pipedrive counts them
WITH details AS (
    SELECT
        company,
        asked.id AS permission_set_id,
        -- the three shapes in which Pipedrive answers: an object, a list of one, no envelope
        CASE
            WHEN json_type(answer, '$.data') = 'ARRAY' THEN answer -> '$.data[0]'
            WHEN json_type(answer, '$.data') = 'OBJECT' THEN answer -> '$.data'
            ELSE answer
        END AS record
    FROM landing.answers
    WHERE endpoint = 'permissionSets/{id}' AND outcome = 'answered'
),

contents AS (
    SELECT
        company,
        permission_set_id,
        list_sort(list_distinct(CAST(record -> '$.contents' AS VARCHAR[]))) AS contents
    FROM details
    WHERE json_type(record, '$.contents') = 'ARRAY'
),

listed AS (
    SELECT
        company,
        unnest(CAST(answer -> '$.data' AS JSON[])) AS record
    FROM landing.answers
    WHERE
        endpoint = 'permissionSets'
        AND outcome = 'answered'
        AND json_type(answer, '$.data') = 'ARRAY'
),

records AS (
    SELECT company, record ->> '$.id' AS permission_set_id, record
    FROM listed
    UNION ALL
    -- not listed, and there all the same
    SELECT company, permission_set_id, record
    FROM details
    ANTI JOIN (SELECT company, record ->> '$.id' AS permission_set_id FROM listed) AS known
        USING (company, permission_set_id)
)

SELECT
    records.company,
    records.permission_set_id,
    any_value(as_text(json_type(record, '$.name'), record ->> '$.name')) AS name,
    any_value(as_text(json_type(record, '$.app'), record ->> '$.app')) AS app,
    any_value(as_text(json_type(record, '$.type'), record ->> '$.type')) AS type,
    any_value(as_text(json_type(record, '$.description'), record ->> '$.description')) AS description,
    coalesce(any_value(contents.contents), any_value(last.contents)) AS contents,
    any_value(as_id(record ->> '$.assignment_count')) AS assignment_count
FROM records
LEFT JOIN contents
    ON
        contents.company = records.company
        AND contents.permission_set_id = records.permission_set_id
LEFT JOIN history.permission_sets AS last
    ON
        last.company = records.company
        AND last.permission_set_id = records.permission_set_id
        AND last.valid_to IS NULL
GROUP BY records.company, records.permission_set_id
