-- One row per row of a list in the snapshot's answers without a readable id.
-- Its subject is not known; the other rows of the list are used.
--
-- key: company, endpoint, subject_id, page_start, place
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the call that returned it
--   subject_id: the id in the path of the call; NULL for a list
--   page_start: the offset of its page in the list
--   place: its position in the page, from 1
--   content: the row as JSON
WITH lists AS (
    SELECT
        company,
        endpoint,
        asked.id AS subject_id,
        coalesce(asked.start, 0) AS page_start,
        answer,
        -- each answer is parsed once, with all fields; an element that is not an object becomes
        -- NULL
        json_transform(
            answer, '{"data": [{"id": "JSON", "user_id": "VARCHAR", "role_id": "VARCHAR"}]}'
        ).data AS records
    FROM landing.answers
    WHERE
        outcome = 'answered'
        AND endpoint IN (
            'users', 'roles', 'permissionSets', 'pipelines', 'legacyTeams',
            'users/{id}/roleAssignments', 'roles/{id}/assignments'
        )
),

records AS (
    SELECT
        company,
        endpoint,
        subject_id,
        page_start,
        unnest(records) AS record,
        generate_subscripts(records, 1) AS place
    FROM lists
),

places AS (
    SELECT company, endpoint, subject_id, page_start, place
    FROM records
    WHERE
        CASE endpoint
            WHEN 'permissionSets' THEN as_text_id(json_type(record.id), record.id ->> '$') IS NULL
            WHEN 'users/{id}/roleAssignments' THEN as_id(record.role_id) IS NULL
            WHEN 'roles/{id}/assignments'
                THEN as_id(record.role_id) IS NULL OR as_id(record.user_id) IS NULL
            ELSE as_id(record.id ->> '$') IS NULL
        END
),

-- few lists have such rows; only these are read row by row
contents AS (
    SELECT
        company,
        endpoint,
        subject_id,
        page_start,
        unnest(CAST(answer -> '$.data' AS JSON[])) AS content,
        generate_subscripts(records, 1) AS place
    FROM lists
    SEMI JOIN places
        ON
            places.company = lists.company
            AND places.endpoint = lists.endpoint
            AND places.subject_id IS NOT DISTINCT FROM lists.subject_id
            AND places.page_start = lists.page_start
)

SELECT
    places.company,
    places.endpoint,
    places.subject_id,
    places.page_start,
    places.place,
    any_value(coalesce(CAST(contents.content AS VARCHAR), 'null')) AS content
FROM places
INNER JOIN contents
    ON
        contents.company = places.company
        AND contents.endpoint = places.endpoint
        AND contents.subject_id IS NOT DISTINCT FROM places.subject_id
        AND contents.page_start = places.page_start
        AND contents.place = places.place
GROUP BY ALL
