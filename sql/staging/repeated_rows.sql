-- One row per id that a list of the snapshot contains more than once.
-- Most lists have none, so only the ids of all rows are read.
--
-- key: company, endpoint, subject_id
-- columns:
--   company: the company's name in the settings
--   endpoint: path of the list: users, roles, permissionSets, pipelines or legacyTeams
--   subject_id: the id
WITH lists AS (
    SELECT
        company,
        endpoint,
        json_transform(answer, '{"data": [{"id": "JSON"}]}').data AS records
    FROM landing.answers
    WHERE
        outcome = 'answered'
        AND endpoint IN ('users', 'roles', 'permissionSets', 'pipelines', 'legacyTeams')
),

ids AS (
    SELECT
        company,
        endpoint,
        CASE endpoint
            WHEN 'permissionSets' THEN as_text_id(json_type(record.id), record.id ->> '$')
            ELSE CAST(as_id(record.id ->> '$') AS VARCHAR)
        END AS subject_id
    FROM (
        SELECT company, endpoint, unnest(records) AS record
        FROM lists
    )
)

SELECT company, endpoint, subject_id
FROM ids
WHERE subject_id IS NOT NULL
GROUP BY company, endpoint, subject_id
HAVING count(*) > 1
