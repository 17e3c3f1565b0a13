-- One row per field whose values contradict each other in a list's rows with the same id.
-- None of the values is used: the field counts as not known. A field that changes by itself, such
-- as the last login, may differ between two pages; its last value is used.
--
-- key: company, endpoint, subject_id, field
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the list: users, roles, permissionSets, pipelines or legacyTeams
--   subject_id: the user, role, set, pipeline or team
--   field: name of the field
--   value: the values, each as JSON
WITH lists AS (
    SELECT
        company,
        endpoint,
        unnest(CAST(answer -> '$.data' AS JSON[])) AS record
    FROM landing.answers
    SEMI JOIN staging.repeated_rows USING (company, endpoint)
    WHERE outcome = 'answered' AND json_type(answer, '$.data') = 'ARRAY'
),

records AS (
    SELECT lists.company, lists.endpoint, repeated.subject_id, lists.record
    FROM lists
    INNER JOIN staging.repeated_rows AS repeated
        ON
            repeated.company = lists.company
            AND repeated.endpoint = lists.endpoint
            AND repeated.subject_id = CASE lists.endpoint
                WHEN 'permissionSets'
                    THEN as_text_id(json_type(lists.record, '$.id'), lists.record ->> '$.id')
                ELSE CAST(as_id(lists.record ->> '$.id') AS VARCHAR)
            END
),

fields AS (
    SELECT company, endpoint, subject_id, record, unnest(json_keys(record)) AS field
    FROM records
),

field_names AS (
    SELECT DISTINCT company, endpoint, subject_id, field
    FROM fields
    WHERE field NOT IN ('id', 'is_you', 'last_login', 'modified', 'timezone_offset')
),

-- a row without the field does not contradict others
field_values AS (
    SELECT
        names.company,
        names.endpoint,
        names.subject_id,
        names.field,
        CAST(json_extract(records.record, concat('$."', names.field, '"')) AS VARCHAR) AS value
    FROM field_names AS names
    INNER JOIN records USING (company, endpoint, subject_id)
)

SELECT
    company,
    endpoint,
    subject_id,
    field,
    string_agg(DISTINCT value, ' or ' ORDER BY value) AS value
FROM field_values
WHERE value IS NOT NULL
GROUP BY company, endpoint, subject_id, field
HAVING count(DISTINCT value) > 1
