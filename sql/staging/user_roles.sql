-- One row per user and role in tonight's role assignments.
-- A row that is repeated counts once; it is active if any of its repetitions is. Answers about
-- users who are no longer there (a snapshot may be read in two parts) do not count.
--
-- key: company, user_id, role_id
-- columns:
--   company: the company's name in the settings
--   user_id: the user who was asked for
--   role_id: the role assigned
--   active: active_flag of the assignment
--   role_name: name of the role, where the row tells it
--   parent_role_id: parent of the role, where the row tells it
WITH assignments AS (
    SELECT
        company,
        as_id(asked.id) AS user_id,
        unnest(CAST(answer -> '$.data' AS JSON[])) AS record
    FROM landing.answers
    WHERE
        endpoint = 'users/{id}/roleAssignments'
        AND outcome = 'answered'
        AND json_type(answer, '$.data') = 'ARRAY'
)
SELECT
    company,
    user_id,
    as_id(record ->> '$.role_id') AS role_id,
    bool_or(as_flag(record ->> '$.active_flag')) AS active,
    max(record ->> '$.name') AS role_name,
    max(as_id(record ->> '$.parent_role_id')) AS parent_role_id
FROM assignments
SEMI JOIN staging.users USING (company, user_id)
GROUP BY company, user_id, role_id
