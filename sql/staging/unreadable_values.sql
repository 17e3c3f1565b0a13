-- One row per value in tonight's answers that is there and cannot be read as what it should be.
-- It counts as unknown (NULL) everywhere, and is reported.
--
-- key: company, endpoint, subject_id, field
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the call that brought it
--   subject_id: the user, role or set that it is about
--   field: name of the field
--   value: the value as received, its first 200 characters
WITH fields AS (
    SELECT
        company,
        'users' AS endpoint,
        CAST(user_id AS VARCHAR) AS subject_id,
        unnest(
            [
                {'field': 'name', 'kind': json_type(record, '$.name'), 'value': record ->> '$.name'},
                {'field': 'email', 'kind': json_type(record, '$.email'), 'value': record ->> '$.email'},
                {
                    'field': 'access',
                    'kind': CASE WHEN is_access(record -> '$.access') THEN 'access' ELSE 'OBJECT' END,
                    'value': record ->> '$.access'
                },
                {'field': 'active_flag', 'kind': 'flag', 'value': record ->> '$.active_flag'},
                {'field': 'is_deleted', 'kind': 'flag', 'value': record ->> '$.is_deleted'},
                {'field': 'is_admin', 'kind': 'flag', 'value': record ->> '$.is_admin'},
                {'field': 'role_id', 'kind': 'id', 'value': record ->> '$.role_id'},
                {'field': 'created', 'kind': 'time', 'value': record ->> '$.created'},
                {'field': 'last_login', 'kind': 'time', 'value': record ->> '$.last_login'},
                {'field': 'modified', 'kind': 'time', 'value': record ->> '$.modified'}
            ]
        ) AS found
    FROM staging.user_records
    UNION ALL
    SELECT
        company,
        'roles' AS endpoint,
        CAST(role_id AS VARCHAR) AS subject_id,
        unnest(
            [
                {'field': 'parent_role_id', 'kind': 'id', 'value': record ->> '$.parent_role_id'},
                {'field': 'active_flag', 'kind': 'flag', 'value': record ->> '$.active_flag'}
            ]
        ) AS found
    FROM staging.role_records
    UNION ALL
    SELECT
        company,
        'users/{id}/permissions' AS endpoint,
        asked.id AS subject_id,
        unnest(
            list_transform(
                map_entries(CAST(answer -> '$.data' AS MAP(VARCHAR, JSON))),
                lambda flag: {'field': flag.key, 'kind': 'flag', 'value': flag.value ->> '$'}
            )
        ) AS found
    FROM landing.answers
    WHERE
        endpoint = 'users/{id}/permissions'
        AND outcome = 'answered'
        AND json_type(answer, '$.data') = 'OBJECT'
)
SELECT
    company,
    endpoint,
    subject_id,
    found.field AS field,
    any_value(left(found.value, 200)) AS value
FROM fields
WHERE
    found.value IS NOT NULL
    AND CASE found.kind
        WHEN 'flag' THEN as_flag(found.value) IS NULL
        WHEN 'id' THEN as_id(found.value) IS NULL
        WHEN 'time' THEN
            as_time(found.value) IS NULL
            AND NOT starts_with(trim(found.value), '0000-00-00')
            AND trim(found.value) <> ''
        -- a text, or a list of access entries, that is something else
        ELSE found.kind NOT IN ('VARCHAR', 'access')
    END
GROUP BY company, endpoint, subject_id, found.field
