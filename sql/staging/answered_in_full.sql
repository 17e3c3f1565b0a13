-- One row per subject whose rows in a history table the snapshot's answers contain completely.
-- Held-back answers are included; `proven` excludes them.
--
-- key: company, history_table, subject_id
-- columns:
--   company: the company's name in the settings
--   history_table: users, roles, permission_sets, user_roles, user_permissions, role_visibility,
--     role_pipelines, pipelines or teams
--   subject_id: the user, role, set, pipeline or team
WITH present AS (
    SELECT company, 'users' AS history_table, CAST(user_id AS VARCHAR) AS subject_id
    FROM staging.users
    UNION ALL
    SELECT company, 'roles' AS history_table, CAST(role_id AS VARCHAR) AS subject_id
    FROM staging.roles
    UNION ALL
    SELECT company, 'permission_sets' AS history_table, permission_set_id AS subject_id
    FROM staging.permission_sets
    UNION ALL
    SELECT DISTINCT
        company,
        'role_visibility' AS history_table,
        CAST(role_id AS VARCHAR) AS subject_id
    FROM staging.role_visibility
    UNION ALL
    SELECT company, 'role_pipelines' AS history_table, CAST(role_id AS VARCHAR) AS subject_id
    FROM staging.role_pipelines
    UNION ALL
    SELECT company, 'pipelines' AS history_table, CAST(pipeline_id AS VARCHAR) AS subject_id
    FROM staging.pipelines
    UNION ALL
    SELECT company, 'teams' AS history_table, CAST(team_id AS VARCHAR) AS subject_id
    FROM staging.teams
),

-- Lists that were read to the end, without an unreadable row. A pipeline or team that they omit is
-- gone; it cannot be requested by its id in a cheaper way. Every company has a pipeline, so an
-- empty list of pipelines proves nothing.
whole_lists AS (
    SELECT coverage.company, coverage.endpoint
    FROM staging.coverage AS coverage
    INNER JOIN landing.batch AS batch ON batch.company = coverage.company AND batch.visibility
    ANTI JOIN staging.unreadable_rows AS unreadable
        ON
            unreadable.company = coverage.company
            AND unreadable.endpoint = coverage.endpoint
    ANTI JOIN (
        SELECT company, endpoint
        FROM landing.answers
        WHERE
            endpoint IN ('pipelines', 'legacyTeams')
            AND json_type(answer, '$.data') IS DISTINCT FROM 'ARRAY'
    ) AS shapeless
        ON
            shapeless.company = coverage.company
            AND shapeless.endpoint = coverage.endpoint
    WHERE
        coverage.subject_id IS NULL
        AND coverage.outcome = 'answered'
        AND (
            coverage.endpoint = 'legacyTeams'
            OR (
                coverage.endpoint = 'pipelines'
                AND coverage.company IN (SELECT company FROM staging.pipelines)
            )
        )
),

omitted AS (
    SELECT
        last.company,
        'pipelines' AS history_table,
        CAST(last.pipeline_id AS VARCHAR) AS subject_id
    FROM history.pipelines AS last
    SEMI JOIN whole_lists AS lists
        ON lists.company = last.company AND lists.endpoint = 'pipelines'
    ANTI JOIN staging.pipelines AS listed
        ON listed.company = last.company AND listed.pipeline_id = last.pipeline_id
    WHERE last.valid_to IS NULL
    UNION ALL
    SELECT last.company, 'teams' AS history_table, CAST(last.team_id AS VARCHAR) AS subject_id
    FROM history.teams AS last
    SEMI JOIN whole_lists AS lists
        ON lists.company = last.company AND lists.endpoint = 'legacyTeams'
    ANTI JOIN staging.teams AS listed
        ON listed.company = last.company AND listed.team_id = last.team_id
    WHERE last.valid_to IS NULL
),

-- requested by id, and answered with a 404
missing AS (
    SELECT
        company,
        CASE endpoint
            WHEN 'users/{id}' THEN 'users'
            WHEN 'roles/{id}' THEN 'roles'
            WHEN 'permissionSets/{id}' THEN 'permission_sets'
        END AS history_table,
        subject_id
    FROM staging.coverage
    WHERE outcome = 'gone' AND endpoint IN ('users/{id}', 'roles/{id}', 'permissionSets/{id}')
),

-- and not in any list
gone AS (
    SELECT company, history_table, subject_id
    FROM missing
    ANTI JOIN present USING (company, history_table, subject_id)
),

answered AS (
    SELECT
        company,
        CASE endpoint
            WHEN 'users/{id}/roleAssignments' THEN 'user_roles'
            WHEN 'users/{id}/permissions' THEN 'user_permissions'
        END AS history_table,
        subject_id
    FROM staging.coverage
    SEMI JOIN staging.users AS users
        ON
            users.company = coverage.company
            AND CAST(users.user_id AS VARCHAR) = coverage.subject_id
    WHERE
        outcome = 'answered'
        AND endpoint IN ('users/{id}/roleAssignments', 'users/{id}/permissions')
),

listed_roles AS (
    SELECT
        company,
        -- an id that cannot be read is NULL; nothing was requested for it
        CAST(as_id(record ->> '$.id') AS VARCHAR) AS subject_id
    FROM (
        SELECT company, unnest(CAST(answer -> '$.data' AS JSON[])) AS record
        FROM landing.answers
        WHERE endpoint = 'roles' AND outcome = 'answered' AND json_type(answer, '$.data') = 'ARRAY'
    )
),

-- If every role was answered with its members, the roles of all users are known...
companies_with_members AS (
    SELECT company
    FROM staging.coverage
    ANTI JOIN (
        SELECT company
        FROM listed_roles
        ANTI JOIN (
            FROM staging.coverage
            WHERE endpoint = 'roles/{id}/assignments' AND outcome = 'answered'
        ) AS answered USING (company, subject_id)
    ) AS silent USING (company)
    WHERE endpoint = 'roles' AND outcome = 'answered'
),

-- ...except that for users requested by id, only their own answer counts.
asked AS (
    SELECT company, subject_id
    FROM staging.coverage
    WHERE endpoint = 'users/{id}/roleAssignments'
)

SELECT company, history_table, subject_id
FROM present
UNION ALL
SELECT company, history_table, subject_id
FROM gone
UNION ALL
SELECT company, history_table, subject_id
FROM answered
UNION ALL
SELECT company, 'user_roles' AS history_table, CAST(user_id AS VARCHAR) AS subject_id
FROM staging.users
SEMI JOIN companies_with_members USING (company)
ANTI JOIN asked
    ON
        asked.company = users.company
        AND asked.subject_id = CAST(users.user_id AS VARCHAR)
UNION ALL
SELECT company, history_table, subject_id
FROM omitted
UNION ALL
-- if a role is gone, so are its settings
SELECT company, unnest(['role_visibility', 'role_pipelines']) AS history_table, subject_id
FROM gone
WHERE history_table = 'roles'
UNION ALL
-- if a user is gone, so is everything the user had
SELECT company, unnest(['user_roles', 'user_permissions']) AS history_table, subject_id
FROM gone
WHERE history_table = 'users'
