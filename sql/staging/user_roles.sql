-- One row per user and role in the snapshot's role assignments.
-- The user's own answer counts; for a user who was not requested, the lists of the roles' members
-- count. A repeated row counts once, and is active if any repetition is. Answers about users who no
-- longer exist (a snapshot may be read in two parts) are ignored. Rows without a readable id are in
-- `unreadable_rows`.
--
-- key: company, user_id, role_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user
--   role_id: the assigned role
--   active: active_flag of the assignment
--   role_name: name of the role, if the row gives it
--   parent_role_id: parent of the role, if the row gives it
WITH answers AS (
    SELECT
        company,
        endpoint,
        as_id(asked.id) AS asked_id,
        -- each answer is parsed once, with all fields; an answer that is not a list gives no rows
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

own_answers AS (
    SELECT company, as_id(subject_id) AS user_id
    FROM staging.coverage
    WHERE endpoint = 'users/{id}/roleAssignments' AND outcome = 'answered'
),

assignments AS (
    SELECT company, asked_id AS user_id, record
    FROM answers
    WHERE endpoint = 'users/{id}/roleAssignments'
    UNION ALL
    SELECT company, as_id(record.user_id) AS user_id, record
    FROM answers
    ANTI JOIN own_answers
        ON
            own_answers.company = answers.company
            AND own_answers.user_id = as_id(record.user_id)
    WHERE endpoint = 'roles/{id}/assignments'
)

SELECT
    company,
    user_id,
    as_id(record.role_id) AS role_id,
    bool_or(as_flag(record.active_flag)) AS active,
    max(as_text(json_type(record.name), record.name ->> '$')) AS role_name,
    max(as_id(record.parent_role_id)) AS parent_role_id
FROM assignments
SEMI JOIN staging.users USING (company, user_id)
WHERE as_id(record.role_id) IS NOT NULL
GROUP BY company, user_id, role_id
