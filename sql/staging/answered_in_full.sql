-- One row per subject whose rows in a history table the snapshot's answers contain completely.
-- Held-back answers are included; `proven` excludes them.
--
-- key: company, history_table, subject_id
-- columns:
--   company: the company's name in the settings
--   history_table: users, roles, permission_sets, user_roles or user_permissions
--   subject_id: the user, role or set
WITH present AS (
    SELECT company, 'users' AS history_table, CAST(user_id AS VARCHAR) AS subject_id
    FROM staging.users
    UNION ALL
    SELECT company, 'roles' AS history_table, CAST(role_id AS VARCHAR) AS subject_id
    FROM staging.roles
    UNION ALL
    SELECT company, 'permission_sets' AS history_table, permission_set_id AS subject_id
    FROM staging.permission_sets
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
-- if a user is gone, so is everything the user had
SELECT company, unnest(['user_roles', 'user_permissions']) AS history_table, subject_id
FROM gone
WHERE history_table = 'users'
