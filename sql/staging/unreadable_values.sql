-- One row per value in the snapshot's answers that is present but malformed, or that another row
-- with the same id contradicts.
-- It counts as last known, or as not known. A row without a readable id is included as a whole.
--
-- key: company, endpoint, subject_id, field
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the call that returned it
--   subject_id: the user, role, set, pipeline or team that the value belongs to; NULL for a row of
--     a list without a readable id
--   field: name of the field; for an unreadable row, its position
--   value: the value as received, cut to 200 characters
WITH user_fields AS (
    SELECT
        company,
        endpoint,
        user_id,
        fields,
        kinds,
        lists.readable IS TRUE AS access_readable
    FROM staging.user_records AS records
    LEFT JOIN staging.access_lists AS lists
        ON records.kinds.access = 'ARRAY' AND lists.received = records.fields.access
),

-- For most users, every value can be read; they are left out before the fields are checked one by
-- one.
suspects AS (
    SELECT *
    FROM user_fields
    WHERE
        kinds.name <> 'VARCHAR'
        OR kinds.email <> 'VARCHAR'
        OR kinds.locale <> 'VARCHAR'
        OR kinds.default_currency <> 'VARCHAR'
        OR kinds.timezone_name <> 'VARCHAR'
        OR kinds.phone <> 'VARCHAR'
        OR kinds.timezone_offset <> 'VARCHAR'
        OR kinds.icon_url <> 'VARCHAR'
        OR NOT access_readable
        OR as_flag(coalesce(fields.active_flag, '1')) IS NULL
        OR as_flag(coalesce(fields.is_deleted, '1')) IS NULL
        OR as_flag(coalesce(fields.is_admin, '1')) IS NULL
        OR as_flag(coalesce(fields.has_created_company, '1')) IS NULL
        OR as_id(coalesce(fields.role_id, '1')) IS NULL
        OR (fields.created IS NOT NULL AND as_time(fields.created) IS NULL)
        OR (fields.last_login IS NOT NULL AND as_time(fields.last_login) IS NULL)
        OR (fields.modified IS NOT NULL AND as_time(fields.modified) IS NULL)
),

owners AS (
    SELECT company, answer -> '$.data' AS record
    FROM landing.answers
    WHERE endpoint = 'users/me' AND outcome = 'answered'
),

assignments AS (
    SELECT
        company,
        endpoint,
        asked.id AS asked_id,
        unnest(
            json_transform(
                answer,
                '{"data": [{
                    "user_id": "VARCHAR", "role_id": "VARCHAR", "active_flag": "VARCHAR",
                    "name": "JSON", "parent_role_id": "VARCHAR"
                }]}'
            ).data
        ) AS record
    FROM landing.answers
    WHERE
        endpoint IN ('users/{id}/roleAssignments', 'roles/{id}/assignments')
        AND outcome = 'answered'
),

assignment_suspects AS (
    SELECT
        company,
        endpoint,
        -- a row is about its user, also in the list of a role's members
        CASE
            WHEN endpoint = 'users/{id}/roleAssignments' THEN asked_id
            ELSE CAST(as_id(record.user_id) AS VARCHAR)
        END AS subject_id,
        record
    FROM assignments
    WHERE
        (
            as_flag(coalesce(record.active_flag, '1')) IS NULL
            OR as_id(coalesce(record.parent_role_id, '1')) IS NULL
            OR json_type(record.name) NOT IN ('VARCHAR', 'NULL')
        )
        -- otherwise, the whole row is reported
        AND as_id(record.role_id) IS NOT NULL
),

fields AS (
    SELECT
        company,
        endpoint,
        CAST(user_id AS VARCHAR) AS subject_id,
        unnest(
            [
                {'field': 'name', 'kind': kinds.name, 'value': fields.name},
                {'field': 'email', 'kind': kinds.email, 'value': fields.email},
                {
                    'field': 'access',
                    'kind': CASE WHEN access_readable THEN 'readable' ELSE 'OBJECT' END,
                    'value': fields.access
                },
                {'field': 'active_flag', 'kind': 'flag', 'value': fields.active_flag},
                {'field': 'is_deleted', 'kind': 'flag', 'value': fields.is_deleted},
                {'field': 'is_admin', 'kind': 'flag', 'value': fields.is_admin},
                {'field': 'role_id', 'kind': 'id', 'value': fields.role_id},
                {'field': 'created', 'kind': 'time', 'value': fields.created},
                {'field': 'last_login', 'kind': 'time', 'value': fields.last_login},
                {'field': 'modified', 'kind': 'time', 'value': fields.modified},
                {
                    'field': 'has_created_company',
                    'kind': 'flag',
                    'value': fields.has_created_company
                },
                {'field': 'locale', 'kind': kinds.locale, 'value': fields.locale},
                {
                    'field': 'default_currency',
                    'kind': kinds.default_currency,
                    'value': fields.default_currency
                },
                {
                    'field': 'timezone_name',
                    'kind': kinds.timezone_name,
                    'value': fields.timezone_name
                },
                {'field': 'phone', 'kind': kinds.phone, 'value': fields.phone},
                {
                    'field': 'timezone_offset',
                    'kind': kinds.timezone_offset,
                    'value': fields.timezone_offset
                },
                {'field': 'icon_url', 'kind': kinds.icon_url, 'value': fields.icon_url}
            ]
        ) AS found
    FROM suspects
    UNION ALL
    -- the fields that the client reads of the token's owner; the others are in the list of users
    SELECT
        company,
        'users/me' AS endpoint,
        record ->> '$.id' AS subject_id,
        unnest(
            [
                {
                    'field': 'access',
                    'kind': CASE
                        WHEN is_access(record -> '$.access') THEN 'readable' ELSE 'OBJECT'
                    END,
                    'value': record ->> '$.access'
                },
                {'field': 'is_admin', 'kind': 'flag', 'value': record ->> '$.is_admin'},
                {
                    'field': 'company_name',
                    'kind': json_type(record, '$.company_name'),
                    'value': record ->> '$.company_name'
                }
            ]
        ) AS found
    FROM owners
    UNION ALL
    SELECT
        company,
        endpoint,
        CAST(role_id AS VARCHAR) AS subject_id,
        unnest(
            [
                {
                    'field': 'name',
                    'kind': json_type(record, '$.name'),
                    'value': record ->> '$.name'
                },
                {'field': 'parent_role_id', 'kind': 'id', 'value': record ->> '$.parent_role_id'},
                {'field': 'active_flag', 'kind': 'flag', 'value': record ->> '$.active_flag'},
                {
                    'field': 'description',
                    'kind': json_type(record, '$.description'),
                    'value': record ->> '$.description'
                },
                {'field': 'level', 'kind': 'id', 'value': record ->> '$.level'},
                {
                    'field': 'assignment_count',
                    'kind': 'id',
                    'value': record ->> '$.assignment_count'
                },
                {'field': 'sub_role_count', 'kind': 'id', 'value': record ->> '$.sub_role_count'}
            ]
        ) AS found
    FROM staging.role_records
    UNION ALL
    SELECT
        company,
        endpoint,
        subject_id,
        unnest(
            [
                {'field': 'active_flag', 'kind': 'flag', 'value': record.active_flag},
                {'field': 'parent_role_id', 'kind': 'id', 'value': record.parent_role_id},
                {
                    'field': 'name',
                    'kind': json_type(record.name),
                    'value': record.name ->> '$'
                }
            ]
        ) AS found
    FROM assignment_suspects
    UNION ALL
    SELECT
        company,
        endpoint,
        permission_set_id AS subject_id,
        unnest(
            [
                {
                    'field': 'name',
                    'kind': json_type(record, '$.name'),
                    'value': record ->> '$.name'
                },
                {'field': 'app', 'kind': json_type(record, '$.app'), 'value': record ->> '$.app'},
                {
                    'field': 'type',
                    'kind': json_type(record, '$.type'),
                    'value': record ->> '$.type'
                },
                {
                    'field': 'description',
                    'kind': json_type(record, '$.description'),
                    'value': record ->> '$.description'
                },
                {
                    'field': 'assignment_count',
                    'kind': 'id',
                    'value': record ->> '$.assignment_count'
                }
            ]
        ) AS found
    FROM staging.permission_set_records
    UNION ALL
    SELECT
        company,
        'permissionSets/{id}' AS endpoint,
        permission_set_id AS subject_id,
        {
            'field': 'contents',
            'kind': CASE
                WHEN is_texts(detail -> '$.contents') THEN 'readable' ELSE 'OBJECT'
            END,
            'value': detail ->> '$.contents'
        } AS found
    FROM staging.permission_set_records
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
    UNION ALL
    SELECT
        company,
        'roles/{id}' AS endpoint,
        CAST(role_id AS VARCHAR) AS subject_id,
        {'field': field, 'kind': 'visibility', 'value': received} AS found
    FROM staging.role_settings
    UNION ALL
    SELECT
        company,
        endpoint,
        CAST(subject_id AS VARCHAR) AS subject_id,
        unnest(
            [
                {
                    'field': 'name',
                    'kind': json_type(record, '$.name'),
                    'value': record ->> '$.name'
                },
                {'field': 'is_deleted', 'kind': 'flag', 'value': record ->> '$.is_deleted'},
                {'field': 'order_nr', 'kind': 'id', 'value': record ->> '$.order_nr'}
            ]
        ) AS found
    FROM staging.list_records
    WHERE endpoint = 'pipelines'
    UNION ALL
    SELECT
        company,
        endpoint,
        CAST(subject_id AS VARCHAR) AS subject_id,
        unnest(
            [
                {
                    'field': 'name',
                    'kind': json_type(record, '$.name'),
                    'value': record ->> '$.name'
                },
                {'field': 'manager_id', 'kind': 'id', 'value': record ->> '$.manager_id'},
                {'field': 'active_flag', 'kind': 'flag', 'value': record ->> '$.active_flag'},
                {'field': 'deleted_flag', 'kind': 'flag', 'value': record ->> '$.deleted_flag'},
                {
                    'field': 'users',
                    'kind': CASE
                        WHEN is_ids(record -> '$.users') THEN 'readable' ELSE 'OBJECT'
                    END,
                    'value': record ->> '$.users'
                }
            ]
        ) AS found
    FROM staging.list_records
    WHERE endpoint = 'legacyTeams'
    UNION ALL
    SELECT
        answers.company,
        answers.endpoint,
        answers.asked.id AS subject_id,
        unnest(
            [
                {
                    'field': 'pipeline_ids',
                    'kind': CASE
                        WHEN is_ids(answers.answer -> '$.data.pipeline_ids') THEN 'readable'
                        ELSE 'OBJECT'
                    END,
                    'value': answers.answer ->> '$.data.pipeline_ids'
                },
                {
                    'field': 'visible',
                    'kind': 'flag',
                    'value': answers.answer ->> '$.data.visible'
                }
            ]
        ) AS found
    FROM landing.answers AS answers
    INNER JOIN landing.batch AS batch ON batch.company = answers.company AND batch.visibility
    WHERE answers.endpoint = 'roles/{id}/pipelines' AND answers.outcome = 'answered'
    UNION ALL
    SELECT
        company,
        endpoint,
        subject_id,
        {'field': field, 'kind': 'OBJECT', 'value': value} AS found
    FROM staging.contradictions
    UNION ALL
    SELECT
        company,
        endpoint,
        subject_id,
        {
            'field': concat(
                'row ',
                place,
                CASE WHEN page_start > 0 THEN concat(' of the page from ', page_start) END
            ),
            'kind': 'OBJECT',
            'value': content
        } AS found
    FROM staging.unreadable_rows
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
        WHEN 'visibility' THEN as_visibility(found.value) IS NULL
        WHEN 'time' THEN
            as_time(found.value) IS NULL
            AND NOT starts_with(trim(found.value), '0000-00-00')
            AND trim(found.value) <> ''
        -- a field that should be a text or a list and is not
        ELSE found.kind NOT IN ('VARCHAR', 'readable')
    END
GROUP BY company, endpoint, subject_id, found.field
