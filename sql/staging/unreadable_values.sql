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
WITH user_fields AS (
    SELECT
        company,
        user_id,
        fields,
        kinds,
        lists.readable IS TRUE AS access_readable
    FROM staging.user_records AS records
    LEFT JOIN staging.access_lists AS lists
        ON records.kinds.access = 'ARRAY' AND lists.received = records.fields.access
),

-- Of most users everything can be read: they are left out before each field is looked at by itself.
suspects AS (
    SELECT *
    FROM user_fields
    WHERE
        kinds.name <> 'VARCHAR'
        OR kinds.email <> 'VARCHAR'
        OR NOT access_readable
        OR as_flag(coalesce(fields.active_flag, '1')) IS NULL
        OR as_flag(coalesce(fields.is_deleted, '1')) IS NULL
        OR as_flag(coalesce(fields.is_admin, '1')) IS NULL
        OR as_id(coalesce(fields.role_id, '1')) IS NULL
        OR (fields.created IS NOT NULL AND as_time(fields.created) IS NULL)
        OR (fields.last_login IS NOT NULL AND as_time(fields.last_login) IS NULL)
        OR (fields.modified IS NOT NULL AND as_time(fields.modified) IS NULL)
),

fields AS (
    SELECT
        company,
        'users' AS endpoint,
        CAST(user_id AS VARCHAR) AS subject_id,
        unnest(
            [
                {'field': 'name', 'kind': kinds.name, 'value': fields.name},
                {'field': 'email', 'kind': kinds.email, 'value': fields.email},
                {
                    'field': 'access',
                    'kind': CASE WHEN access_readable THEN 'access' ELSE 'OBJECT' END,
                    'value': fields.access
                },
                {'field': 'active_flag', 'kind': 'flag', 'value': fields.active_flag},
                {'field': 'is_deleted', 'kind': 'flag', 'value': fields.is_deleted},
                {'field': 'is_admin', 'kind': 'flag', 'value': fields.is_admin},
                {'field': 'role_id', 'kind': 'id', 'value': fields.role_id},
                {'field': 'created', 'kind': 'time', 'value': fields.created},
                {'field': 'last_login', 'kind': 'time', 'value': fields.last_login},
                {'field': 'modified', 'kind': 'time', 'value': fields.modified}
            ]
        ) AS found
    FROM suspects
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
        answered.company,
        'users/{id}/permissions' AS endpoint,
        CAST(answered.user_id AS VARCHAR) AS subject_id,
        unnest(
            list_transform(
                read_answers.flags,
                lambda flag: {'field': flag.permission, 'kind': 'flag', 'value': flag.value}
            )
        ) AS found
    FROM staging.permissions_answered AS answered
    INNER JOIN (
        SELECT DISTINCT digest, flags
        FROM staging.permission_answers
        WHERE len(list_filter(flags, lambda flag: flag.granted IS NULL)) > 0
    ) AS read_answers USING (digest)
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
