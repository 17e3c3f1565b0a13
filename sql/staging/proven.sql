-- One row per subject whose rows in a history table tonight's answers tell in full.
-- What the history holds of such a subject, and tonight does not repeat, is over. Whoever is not
-- here was not asked for, or not answered: their rows are carried forward.
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

-- asked for by id, and answered with a 404
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

-- and in no list either
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
)

SELECT company, history_table, subject_id
FROM present
UNION
SELECT company, history_table, subject_id
FROM gone
UNION
SELECT company, history_table, subject_id
FROM answered
UNION
-- with a user who is gone goes all that they had
SELECT company, unnest(['user_roles', 'user_permissions']) AS history_table, subject_id
FROM gone
WHERE history_table = 'users'
