-- One row per permission set in the snapshot's answers, with typed columns.
-- A missing or unreadable value keeps the last known one; NULL if it was never known. If one of the
-- contents cannot be read, none is known; nor if the contents of all sets become empty at once.
--
-- key: company, permission_set_id
-- columns:
--   company: the company's name in the settings
--   permission_set_id: Pipedrive's id of the set, a UUID
--   name: name of the set
--   app: the app that it belongs to
--   type: admin, manager, regular or custom
--   description: description of the set
--   contents: the flags that it lists, sorted; NULL means not known
--   assignment_count: how many users have it, as Pipedrive counts them
WITH fields AS (
    SELECT
        company,
        permission_set_id,
        json_type(record, ['$.name', '$.app', '$.type', '$.description']) AS kinds,
        record ->> ['$.name', '$.app', '$.type', '$.description'] AS texts,
        as_id(record ->> '$.assignment_count') AS assignment_count,
        CASE
            WHEN is_texts(detail -> '$.contents')
                THEN list_sort(list_distinct(CAST(detail -> '$.contents' AS VARCHAR[])))
        END AS contents
    FROM staging.permission_set_records
),

-- Companies in which no set lists anything, although some did before.
emptied_companies AS (
    SELECT company
    FROM fields
    SEMI JOIN (
        SELECT company
        FROM history.permission_sets
        WHERE valid_to IS NULL AND len(contents) > 0
    ) AS last USING (company)
    WHERE contents IS NOT NULL
    GROUP BY company
    HAVING bool_and(len(contents) = 0)
)

SELECT
    fields.company,
    fields.permission_set_id,
    or_last(kinds[1], as_text(kinds[1], texts[1]), last.name) AS name,
    or_last(kinds[2], as_text(kinds[2], texts[2]), last.app) AS app,
    or_last(kinds[3], as_text(kinds[3], texts[3]), last.type) AS type,
    or_last(kinds[4], as_text(kinds[4], texts[4]), last.description) AS description,
    CASE
        WHEN emptied.company IS NULL THEN coalesce(fields.contents, last.contents)
        ELSE last.contents
    END AS contents,
    fields.assignment_count
FROM fields
LEFT JOIN emptied_companies AS emptied USING (company)
LEFT JOIN history.permission_sets AS last
    ON
        last.company = fields.company
        AND last.permission_set_id = fields.permission_set_id
        AND last.valid_to IS NULL
