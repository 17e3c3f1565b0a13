-- One row per user in the snapshot's answers, as received, from the list or requested by id.
-- A user on two pages counts once, as last seen, without the fields whose values contradict each
-- other (`contradictions`). Rows without a readable id are in `unreadable_rows`.
--
-- key: company, user_id
-- columns:
--   company: the company's name in the settings
--   user_id: Pipedrive's id of the user
--   endpoint: path of the call that returned the record
--   fields: the fields of the user's record as texts; NULL if a field is missing or null
--   kinds: the json_type of each field; NULL if a field is missing
WITH records AS (
    SELECT
        company,
        endpoint,
        answered_at,
        unnest(json_transform_strict(answer, '{"data": ["JSON"]}').data) AS record
    FROM landing.answers
    WHERE endpoint = 'users' AND outcome = 'answered'
    UNION ALL
    SELECT
        company,
        endpoint,
        answered_at,
        answer -> '$.data' AS record
    FROM landing.answers
    WHERE endpoint = 'users/{id}' AND outcome = 'answered'
),

identified AS (
    SELECT
        company,
        endpoint,
        as_id(record ->> '$.id') AS user_id,
        answered_at,
        record
    FROM records
    WHERE as_id(record ->> '$.id') IS NOT NULL
),

repeated AS (
    SELECT company, user_id
    FROM identified
    GROUP BY company, user_id
    HAVING count(*) > 1
),

-- few users have two records; only those are sorted by time
latest AS (
    SELECT company, endpoint, user_id, record
    FROM identified
    ANTI JOIN repeated USING (company, user_id)
    UNION ALL
    SELECT
        company,
        arg_max(identified.endpoint, identified.answered_at) AS endpoint,
        user_id,
        arg_max(
            json_merge_patch(identified.record, coalesce(contradicted.patch, '{}')),
            identified.answered_at
        ) AS record
    FROM identified
    INNER JOIN repeated USING (company, user_id)
    LEFT JOIN staging.contradicted_fields AS contradicted
        ON
            contradicted.company = identified.company
            AND contradicted.endpoint = identified.endpoint
            AND contradicted.subject_id = CAST(identified.user_id AS VARCHAR)
    GROUP BY company, user_id
),

-- Each record is parsed twice (for the values and for their types) instead of once per field,
-- because parsing takes most of the time.
read_records AS (
    SELECT
        company,
        endpoint,
        user_id,
        json_transform(
            record,
            '{
                "name": "VARCHAR", "email": "VARCHAR", "active_flag": "VARCHAR",
                "is_deleted": "VARCHAR", "is_admin": "VARCHAR", "role_id": "VARCHAR",
                "access": "VARCHAR", "created": "VARCHAR", "has_created_company": "VARCHAR",
                "locale": "VARCHAR", "default_currency": "VARCHAR", "timezone_name": "VARCHAR",
                "last_login": "VARCHAR", "modified": "VARCHAR", "phone": "VARCHAR",
                "timezone_offset": "VARCHAR", "icon_url": "VARCHAR"
            }'
        ) AS fields,
        json_type(
            record,
            [
                '$.name', '$.email', '$.role_id', '$.access', '$.locale', '$.default_currency',
                '$.timezone_name', '$.last_login', '$.phone', '$.timezone_offset', '$.icon_url'
            ]
        ) AS kinds
    FROM latest
)

SELECT
    company,
    endpoint,
    user_id,
    fields,
    {
        'name': kinds[1], 'email': kinds[2], 'role_id': kinds[3], 'access': kinds[4],
        'locale': kinds[5], 'default_currency': kinds[6], 'timezone_name': kinds[7],
        'last_login': kinds[8], 'phone': kinds[9], 'timezone_offset': kinds[10],
        'icon_url': kinds[11]
    } AS kinds
FROM read_records
